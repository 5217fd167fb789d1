#include "config/url.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "config/listen.h"
#include "core/strings.h"

namespace batchsql {
namespace {

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "expected http://host:port or https://host:port, a path behind it or not, without `?` and "
      "`#`");
}

bool IsPath(std::string_view path) {
  return absl::c_all_of(path, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '?' && c != '#' &&
           c != '\\' && c != '"';
  });
}

// host or host:port, an IPv6 address in brackets.
bool IsAuthority(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && !authority.ends_with(']');
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(
      has_port ? std::string(authority) : absl::StrCat(AsAbsl(authority), ":80"));
  return address.ok() && address->port != 0;
}

}  // namespace

absl::StatusOr<std::string> ParseBaseUrl(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return Malformed();
  }
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (authority.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("holds a user or a password: expected an address without");
  }
  if (!IsAuthority(authority) || !IsPath(rest.substr(authority.size()))) return Malformed();
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace batchsql
