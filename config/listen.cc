#include "config/listen.h"

#include <arpa/inet.h>

#include <charconv>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"

namespace batchsql {
namespace {

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "expected host:port, as in 127.0.0.1:8080 or [::1]:8080, with a port from 0 to 65535");
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// A name, or an IPv4 address; what ends in a digit must be the latter, as in a URL.
bool IsHost(const std::string& host) {
  if (host.empty()) return false;
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  if (is_digit(host.back()) &&
      absl::c_all_of(host, [&](char c) { return c == '.' || is_digit(c); })) {
    in_addr address;
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
  }
  return absl::c_all_of(host, [](char c) {
    return c == '.' || c == '-' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Malformed();
  const std::optional<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port) return Malformed();
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    ListenAddress address{std::string(host.substr(1, host.size() - 2)), *port};
    if (!IsIpv6(address.host)) return Malformed();
    return address;
  }
  ListenAddress address{std::string(host), *port};
  if (!IsHost(address.host)) return Malformed();
  return address;
}

}  // namespace batchsql
