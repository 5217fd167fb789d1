#pragma once

#include <map>
#include <string>
#include <string_view>

namespace batchsql {

struct ClientResponse {
  int status = 0;  // 0: the server closed the connection without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// A client that sends exactly the bytes it is told to. Every wait ends after ten seconds, with an
// exception that fails the test.
class HttpClient {
 public:
  explicit HttpClient(int port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // False when the server has closed the connection.
  bool Send(std::string_view bytes);
  // `head`: the answer has no body whatever its headers say.
  ClientResponse Receive(bool head = false);
  ClientResponse Exchange(std::string_view bytes);
  // True when the server closed the connection and everything it sent has been received.
  bool AtEnd();
  // True when something can be received within `timeout_ms`.
  bool WaitReadable(int timeout_ms) const;

 private:
  bool Fill();
  int fd_;
  std::string buffer_;
};

}  // namespace batchsql
