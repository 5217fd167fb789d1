#include "tests/server/http/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace batchsql {

namespace {

constexpr int kWaitMs = 10'000;

// Clients also run in threads, where the test framework's assertions must not.
void Require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

}  // namespace

HttpClient::HttpClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Require(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "connect");
}

HttpClient::~HttpClient() { close(fd_); }

bool HttpClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd writable{fd_, POLLOUT, 0};
    Require(poll(&writable, 1, kWaitMs) == 1, "the server does not receive");
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpClient::WaitReadable(int timeout_ms) const {
  pollfd readable{fd_, POLLIN, 0};
  return poll(&readable, 1, timeout_ms) == 1;
}

bool HttpClient::Fill() {
  Require(WaitReadable(kWaitMs), "the server does not send");
  char chunk[4096];
  const ssize_t got = recv(fd_, chunk, sizeof(chunk), 0);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(got));
  return true;
}

ClientResponse HttpClient::Receive(bool head) {
  ClientResponse response;
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return response;
  }
  std::vector<std::string> lines = absl::StrSplit(buffer_.substr(0, end), "\r\n");
  buffer_.erase(0, end + 4);
  Require(lines[0].size() >= 12 && absl::SimpleAtoi(lines[0].substr(9, 3), &response.status),
          "no status line");
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    response.headers[absl::AsciiStrToLower(header.first)] = header.second;
  }
  size_t length = 0;
  if (!head && response.status != 100) {
    Require(absl::SimpleAtoi(response.headers["content-length"], &length), "no Content-Length");
  }
  while (buffer_.size() < length) Require(Fill(), "the body is cut off");
  response.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return response;
}

ClientResponse HttpClient::Exchange(std::string_view bytes) {
  Send(bytes);
  return Receive();
}

bool HttpClient::AtEnd() { return buffer_.empty() && !Fill(); }

}  // namespace batchsql
