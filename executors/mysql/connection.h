#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/executor.h"
#include "executors/mysql/dsn.h"
#include "executors/mysql/mysql_executor.h"
#include "executors/shared/sql_session.h"

namespace sql {
class Connection;
class PreparedStatement;
class Statement;
}  // namespace sql

namespace batchsql {

// The exception in flight, as an error. Call within a catch block only.
DatabaseError CurrentMySqlError();

// Runs `fn`, turning the driver's exceptions into errors.
template <typename Fn>
DatabaseError CatchMySqlErrors(Fn&& fn) {
  try {
    std::forward<Fn>(fn)();
    return {};
  } catch (...) {
    return CurrentMySqlError();
  }
}

using MySqlRow = TextRow;

struct MySqlServerFacts {
  uint64_t packet_bytes_max = 0;
  bool is_mariadb = false;
  // Settings under which the server may forget what it has committed, for the log; empty: none.
  std::string weak_durability;
  // Which server this is, and what it calls this session.
  std::string name;
  uint64_t session_id = 0;
};

// One open session, set up so that both servers refuse what they would otherwise change in silence.
// Owns the driver's connection. One thread at a time; statements prepared on it must end before it.
class MySqlConnection {
 public:
  // Connects and sets the session up.
  static DatabaseError Open(const MySqlAddress& address, const MySqlOptions& options,
                            std::unique_ptr<MySqlConnection>* connection);
  ~MySqlConnection();
  MySqlConnection(const MySqlConnection&) = delete;
  MySqlConnection& operator=(const MySqlConnection&) = delete;

  const MySqlServerFacts& server() const { return server_; }

  DatabaseError Execute(const std::string& sql);
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<MySqlRow>* rows);
  // As Query without parameters, row by row as the server sends them.
  DatabaseError QueryEach(const std::string& sql, SqlSession::OnRow on_row);
  // As Query, for a statement that changes rows: how many.
  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows);
  DatabaseError Prepare(const std::string& sql, std::unique_ptr<sql::PreparedStatement>* statement);

 private:
  MySqlConnection();
  DatabaseError Connect(const MySqlAddress& address, const MySqlOptions& options);
  DatabaseError CheckEncryption(MySqlAddress::Tls tls);
  DatabaseError SetUpSession();
  DatabaseError ReadServerFacts();

  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::Statement> statement_;
  MySqlServerFacts server_;
};

}  // namespace batchsql
