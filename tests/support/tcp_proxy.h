#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "core/mutex.h"

namespace batchsql {

// Forwards TCP connections on loopback from a port of its own to another, and cuts them when a test
// says so. One thread, from the constructor to the destructor, which closes everything. A message
// is what one read from the client gives: with a protocol of question and answer, one question.
class TcpProxy {
 public:
  enum class Cut : uint8_t {
    kBeforeForwarding,  // the server never sees the message
    kAfterForwarding,   // at once, whatever the server does with it
    kAfterAnswer,       // the server has answered, the client never sees it
    kClientOnly,        // as kBeforeForwarding, but the server's side stays open and silent
  };

  explicit TcpProxy(uint16_t server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  uint16_t port() const { return port_; }

  // Cuts once, at the next message that ends with `statement`, and perhaps a NUL.
  void CutAtStatement(std::string statement, Cut cut);
  // Cuts once, at the `number`th message from now, over all connections; the next one is 1.
  void CutAtMessage(uint32_t number, Cut cut);
  // The cut that was asked for last has been made.
  bool was_cut();
  void Reset();  // cuts no more

 private:
  struct Connection {
    int client = -1;
    int server = -1;
    bool cut_at_answer = false;
  };
  struct Plan {
    bool active = false;
    std::string statement;
    uint32_t messages = 0;
    Cut cut = Cut::kBeforeForwarding;
  };

  void SetPlan(Plan plan);
  // Whether to cut at this message, and how.
  bool TakeCut(const std::string& message, Cut* cut);
  void Run();
  void Accept();
  // False: the connection has ended on this side.
  bool FromClient(Connection& connection);
  bool FromServer(Connection& connection);

  const uint16_t server_port_;
  uint16_t port_ = 0;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // a pipe
  std::vector<Connection> connections_;

  Mutex mutex_;
  Plan plan_ ABSL_GUARDED_BY(mutex_);
  bool was_cut_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace batchsql
