#include "cli/http/http_client.h"

#include <curl/curl.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace batchsql::cli {
namespace {

constexpr size_t kBodyBytesMax = size_t{64} << 20;
constexpr long kConnectMs = 5000;

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// curl calls it with what arrived; another number than `size` ends the transfer.
size_t TakeBody(const char* data, size_t one, size_t size, void* user) {
  auto* const response = static_cast<HttpResponse*>(user);
  if (response->body.size() + one * size > kBodyBytesMax) return 0;
  response->body.append(data, one * size);
  return one * size;
}

size_t TakeHeader(const char* data, size_t one, size_t size, void* user) {
  const absl::string_view line(data, one * size);
  if (absl::StartsWithIgnoreCase(line, "date:")) {
    static_cast<HttpResponse*>(user)->date =
        std::string(absl::StripAsciiWhitespace(line.substr(sizeof("date:") - 1)));
  }
  return one * size;
}

Headers MakeHeaders(const HttpRequest& request) {
  Headers headers(nullptr, curl_slist_free_all);
  const auto add = [&headers](const std::string& line) {
    curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
    (void)headers.release();  // part of `longer` now
    headers.reset(longer);
  };
  add("Accept: application/json, text/plain;q=0.9, */*;q=0.1");
  if (!request.body.empty()) add("Content-Type: application/json");
  if (!request.login.token.empty())
    add(absl::StrCat("Authorization: Bearer ", request.login.token));
  return headers;
}

void SetLogin(CURL* easy, const HttpLogin& login) {
  if (login.user.empty()) return;
  curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(easy, CURLOPT_USERNAME, login.user.c_str());
  curl_easy_setopt(easy, CURLOPT_PASSWORD, login.password.c_str());
}

void SetRequest(CURL* easy, const HttpRequest& request, const Headers& headers,
                HttpResponse* response) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.deadline.count()));
  if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  SetLogin(easy, request.login);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, response);
}

absl::Status Failure(CURLcode code, const HttpRequest& request) {
  if (code == CURLE_WRITE_ERROR) {
    return absl::ResourceExhaustedError(
        absl::StrCat(request.url, ": the answer is longer than 64 MiB"));
  }
  return absl::UnavailableError(
      absl::StrCat("no answer from ", request.url, ": ", curl_easy_strerror(code)));
}

bool IsHttp(const std::string& url) {
  return absl::StartsWith(url, "http://") || absl::StartsWith(url, "https://");
}

}  // namespace

absl::StatusOr<HttpResponse> SendHttp(const HttpRequest& request) {
  if (!IsHttp(request.url)) {
    return absl::InvalidArgumentError(absl::StrCat(request.url, " is no http(s) URL"));
  }
  const Easy easy(curl_easy_init(), curl_easy_cleanup);
  if (easy == nullptr) return absl::ResourceExhaustedError("libcurl cannot start");
  const Headers headers = MakeHeaders(request);
  HttpResponse response;
  SetRequest(easy.get(), request, headers, &response);
  const CURLcode code = curl_easy_perform(easy.get());
  if (code != CURLE_OK) return Failure(code, request);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

absl::StatusOr<std::string> BaseUrl(const std::string& url) {
  const size_t host = url.find("://");
  if (!IsHttp(url) || host + 3 >= url.size() || url[host + 3] == '/' ||
      url.find_first_of("?#@ ") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", url, "' is no URL as http://host:port, without user and query"));
  }
  std::string base = url;
  while (base.ends_with('/')) base.pop_back();
  return base;
}

double HttpDateSeconds(const std::string& date) {
  return static_cast<double>(curl_getdate(date.c_str(), nullptr));
}

std::string UrlEncode(const std::string& text) {
  const Easy easy(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<char, decltype(&curl_free)> encoded(
      curl_easy_escape(easy.get(), text.data(), static_cast<int>(text.size())), curl_free);
  return encoded == nullptr ? std::string() : std::string(encoded.get());
}

}  // namespace batchsql::cli
