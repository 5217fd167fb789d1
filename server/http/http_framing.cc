#include "server/http/http_framing.h"

#include <civetweb.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "core/strings.h"

namespace batchsql {
namespace {

size_t CountHeaders(const HttpRequest& request, std::string_view name) {
  return static_cast<size_t>(std::count_if(
      request.headers.begin(), request.headers.end(),
      [name](const auto& header) { return absl::EqualsIgnoreCase(header.first, AsAbsl(name)); }));
}

std::optional<uint64_t> ParseLength(const std::string& text) {
  uint64_t length = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!digits || !absl::SimpleAtoi(text, &length)) return std::nullopt;
  return length;
}

}  // namespace

absl::StatusOr<Framing> ReadFraming(const HttpRequest& request, const char* http_version) {
  const size_t lengths = CountHeaders(request, "Content-Length");
  const size_t codings = CountHeaders(request, "Transfer-Encoding");
  if (lengths > 0 && codings > 0) {
    return absl::InvalidArgumentError("both Content-Length and Transfer-Encoding");
  }
  if (lengths > 1 || codings > 1) {
    return absl::InvalidArgumentError("Content-Length or Transfer-Encoding twice");
  }
  Framing framing;
  if (lengths == 1) {
    framing.length = ParseLength(*request.FindHeader("Content-Length"));
    if (!framing.length) return absl::InvalidArgumentError("Content-Length is not a number");
  }
  if (codings == 1) {
    framing.chunked = absl::EqualsIgnoreCase(*request.FindHeader("Transfer-Encoding"), "chunked") &&
                      std::string_view(http_version) == "1.1";
    if (!framing.chunked) {
      return absl::InvalidArgumentError("Transfer-Encoding other than chunked in HTTP/1.1");
    }
  }
  if (const std::string* expect = request.FindHeader("Expect"); expect != nullptr) {
    framing.expects_continue = absl::EqualsIgnoreCase(*expect, "100-continue");
    if (!framing.expects_continue) {
      return absl::InvalidArgumentError("Expect other than 100-continue");
    }
  }
  return framing;
}

bool KeepsAlive(const mg_request_info& info) {
  for (int i = 0; i < info.num_headers; ++i) {
    if (absl::EqualsIgnoreCase(info.http_headers[i].name, "Connection")) {
      return absl::EqualsIgnoreCase(info.http_headers[i].value, "keep-alive");
    }
  }
  return std::string_view(info.http_version) == "1.1";
}

}  // namespace batchsql
