#include "server/alerts/alertmanager_client.h"

#include <curl/curl.h>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

// The answer's body says nothing that its status does not.
size_t Discard(char* /*bytes*/, size_t size, size_t count, void* /*context*/) {
  return size * count;
}

// Called about once a second; another value than 0 ends the request.
int IsCancelled(void* cancelled, curl_off_t /*down_total*/, curl_off_t /*down*/,
                curl_off_t /*up_total*/, curl_off_t /*up*/) {
  return static_cast<const std::atomic<bool>*>(cancelled)->load() ? 1 : 0;
}

}  // namespace

struct AlertmanagerClient::Handle {
  Handle()
      : curl(curl_easy_init()),
        headers(curl_slist_append(nullptr, "Content-Type: application/json")) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }

  CURL* const curl;
  curl_slist* const headers;
};

AlertmanagerClient::AlertmanagerClient(const std::string& url)
    : url_(url + "/api/v2/alerts"), handle_(std::make_unique<Handle>()) {
  CURL* const curl = handle_->curl;
  if (curl == nullptr) return;  // out of memory; PostAlerts says so
  curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the machine's is for the outside
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMaxMs);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kRequestMaxMs);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Discard);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &IsCancelled);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &cancelled_);
}

AlertmanagerClient::~AlertmanagerClient() = default;

absl::Status AlertmanagerClient::PostAlerts(const std::string& body) {
  CURL* const curl = handle_->curl;
  if (curl == nullptr) return absl::UnavailableError("libcurl cannot be used");
  if (cancelled_) return absl::UnavailableError(url_ + ": cancelled");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    return absl::UnavailableError(absl::StrCat(url_, ": ", curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status / 100 == 2) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(url_, ": answered ", status));
}

}  // namespace batchsql
