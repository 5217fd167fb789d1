#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/executor.h"
#include "executors/mysql/dsn.h"
#include "executors/mysql/mysql_executor.h"
#include "executors/mysql/row_writer.h"
#include "executors/shared/sql_session.h"

namespace batchsql {

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
// One thread at a time; row writers made by it must end before it.
class MySqlConnection {
 public:
  // Connects and sets the session up: over libmariadb where the server takes arrays of parameters
  // and the options allow it, else over Connector/C++.
  static DatabaseError Open(const MySqlAddress& address, const MySqlOptions& options,
                            std::unique_ptr<MySqlConnection>* connection);
  virtual ~MySqlConnection() = default;
  MySqlConnection(const MySqlConnection&) = delete;
  MySqlConnection& operator=(const MySqlConnection&) = delete;

  const MySqlServerFacts& server() const { return server_; }

  virtual DatabaseError Execute(const std::string& sql) = 0;
  virtual DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                              std::vector<MySqlRow>* rows) = 0;
  // As Query without parameters, row by row as the server sends them.
  virtual DatabaseError QueryEach(const std::string& sql, SqlSession::OnRow on_row) = 0;
  // As Query, for a statement that changes rows: how many.
  virtual DatabaseError Change(const std::string& sql,
                               absl::Span<const std::string_view> parameters, uint64_t* rows) = 0;

  virtual std::unique_ptr<MySqlRowWriter> MakeRowWriter() = 0;

 protected:
  MySqlConnection() = default;

 private:
  DatabaseError CheckEncryption(MySqlAddress::Tls tls);
  DatabaseError SetUpSession();
  DatabaseError ReadServerFacts();

  MySqlServerFacts server_;
};

}  // namespace batchsql
