#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/http/http_message.h"

struct mg_request_info;

namespace batchsql {

// How a request's body is delimited.
struct Framing {
  bool chunked = false;
  std::optional<uint64_t> length;  // from Content-Length
  bool expects_continue = false;

  bool has_body() const { return chunked || length.value_or(0) > 0; }
};

// INVALID_ARGUMENT for what two readers could understand differently: Content-Length with
// Transfer-Encoding, either of them twice, a length that is no number, a coding other than chunked,
// chunks in HTTP/1.0; and for an expectation other than 100-continue.
absl::StatusOr<Framing> ReadFraming(const HttpRequest& request, const char* http_version);

// The library keeps the connection open after the answer; decided as it does.
bool KeepsAlive(const mg_request_info& info);

}  // namespace batchsql
