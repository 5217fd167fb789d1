#include "server/http/http_message.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/json_text.h"
#include "core/limit_error.h"
#include "core/strings.h"

namespace batchsql {
namespace {

// Seconds; long enough for a batch or a reconnection, short enough for a person.
constexpr std::string_view kRetryAfterSeconds = "1";

}  // namespace

const std::string* HttpRequest::FindHeader(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [name](const auto& header) {
    return absl::EqualsIgnoreCase(header.first, AsAbsl(name));
  });
  return found == headers.end() ? nullptr : &found->second;
}

std::string HttpDate(std::time_t time) {
  std::tm utc = {};
  gmtime_r(&time, &utc);
  char text[64];
  return std::string(text, std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc));
}

HttpResponse JsonResponse(int status, std::string body) {
  return {status, "application/json", {}, std::move(body)};
}

HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message) {
  std::string body = "{\"error\":{\"code\":";
  AppendJsonString(code, &body);
  body += ",\"message\":";
  AppendJsonString(message, &body);
  body += "}}\n";
  return JsonResponse(status, std::move(body));
}

HttpResponse ErrorResponse(const absl::Status& error) {
  const int status = IsLimitPassed(error) ? 413 : HttpStatusOf(error.code());
  HttpResponse response =
      ErrorResponse(status, absl::StatusCodeToString(error.code()), AsStd(error.message()));
  if (response.status == 503 || (response.status == 429 && !IsNoneLeft(error))) {
    response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  }
  return response;
}

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace batchsql
