#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>
#include <utility>

namespace batchsql {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void Close(int* descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

// Empty: the peer is gone.
std::string Receive(int from) {
  std::string bytes(64 * 1024, '\0');
  const ssize_t count = recv(from, bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

bool Send(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void SendAtOnce(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

TcpProxy::TcpProxy(uint16_t server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &size) != 0 || pipe(stop_) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  Close(&stop_[1]);
  thread_.join();
  for (Connection& connection : connections_) {
    Close(&connection.client);
    Close(&connection.server);
  }
  Close(&stop_[0]);
  Close(&listener_);
}

void TcpProxy::SetPlan(Plan plan) {
  MutexLock lock(mutex_);
  plan_ = std::move(plan);
  was_cut_ = false;
}

void TcpProxy::CutAtStatement(std::string statement, Cut cut) {
  SetPlan({true, std::move(statement), 0, cut});
}

void TcpProxy::CutAtMessage(uint32_t number, Cut cut) { SetPlan({true, "", number, cut}); }

void TcpProxy::Reset() { SetPlan({}); }

bool TcpProxy::was_cut() {
  MutexLock lock(mutex_);
  return was_cut_;
}

bool TcpProxy::TakeCut(const std::string& message, Cut* cut) {
  MutexLock lock(mutex_);
  if (!plan_.active) return false;
  const bool now = plan_.statement.empty() ? --plan_.messages == 0
                                           : message.ends_with(plan_.statement) ||
                                                 message.ends_with(plan_.statement + '\0');
  if (!now) return false;
  plan_.active = false;
  was_cut_ = true;
  *cut = plan_.cut;
  return true;
}

void TcpProxy::Run() {
  for (;;) {
    std::vector<pollfd> sockets = {{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      sockets.push_back({connection.client, POLLIN, 0});
      sockets.push_back({connection.server, POLLIN, 0});
    }
    if (poll(sockets.data(), sockets.size(), -1) < 0) continue;
    if (sockets[0].revents != 0) return;
    for (size_t i = 2; i < sockets.size(); i += 2) {
      Connection& connection = connections_[i / 2 - 1];
      const bool stays = (sockets[i].revents == 0 || FromClient(connection)) &&
                         (sockets[i + 1].revents == 0 || FromServer(connection));
      if (stays) continue;
      Close(&connection.client);
      Close(&connection.server);
    }
    std::erase_if(connections_, [](const Connection& c) { return c.client < 0 && c.server < 0; });
    if (sockets[1].revents != 0) Accept();
  }
}

void TcpProxy::Accept() {
  Connection connection;
  connection.client = accept(listener_, nullptr, nullptr);
  connection.server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(server_port_);
  if (connection.client < 0 || connection.server < 0 ||
      connect(connection.server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    Close(&connection.client);
    Close(&connection.server);
    return;
  }
  SendAtOnce(connection.client);
  SendAtOnce(connection.server);
  connections_.push_back(connection);
}

bool TcpProxy::FromClient(Connection& connection) {
  const std::string message = Receive(connection.client);
  if (message.empty()) return false;
  Cut cut{};
  if (!TakeCut(message, &cut)) return Send(connection.server, message);
  switch (cut) {
    case Cut::kBeforeForwarding:
      return false;
    case Cut::kAfterForwarding:
      Send(connection.server, message);
      return false;
    case Cut::kAfterAnswer:
      connection.cut_at_answer = true;
      return Send(connection.server, message);
    case Cut::kClientOnly:
      Close(&connection.client);
      return true;
  }
  return false;
}

bool TcpProxy::FromServer(Connection& connection) {
  const std::string message = Receive(connection.server);
  if (message.empty() || connection.cut_at_answer) return false;
  return connection.client < 0 || Send(connection.client, message);
}

}  // namespace batchsql
