#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "executors/mysql/connection.h"

// libmariadb's own types, MYSQL and MYSQL_STMT.
struct st_mysql;
struct st_mysql_stmt;

namespace batchsql {

struct MariaDbStatementCloser {
  void operator()(st_mysql_stmt* statement) const;
};
using MariaDbStatement = std::unique_ptr<st_mysql_stmt, MariaDbStatementCloser>;

// The last error of a statement, classified.
DatabaseError MariaDbError(st_mysql_stmt* statement);

// A session over libmariadb, to a server that takes arrays of parameters (MARIADB_CLIENT_STMT_BULK
// _OPERATIONS: MariaDB).
class MariaDbConnection final : public MySqlConnection {
 public:
  // OK and no connection where the server takes none.
  static DatabaseError Open(const MySqlAddress& address, const MySqlOptions& options,
                            std::unique_ptr<MySqlConnection>* connection);

  DatabaseError Execute(const std::string& sql) override;
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<MySqlRow>* rows) override;
  DatabaseError QueryEach(const std::string& sql, SqlSession::OnRow on_row) override;
  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows) override;
  std::unique_ptr<MySqlRowWriter> MakeRowWriter() override;

  // The statement must end before the connection.
  DatabaseError Prepare(const std::string& sql, MariaDbStatement* statement);

 private:
  struct Closer {
    void operator()(st_mysql* handle) const;
  };

  explicit MariaDbConnection(st_mysql* handle) : handle_(handle) {}
  // Prepares, binds the parameters and executes.
  DatabaseError Run(const std::string& sql, absl::Span<const std::string_view> parameters,
                    MariaDbStatement* statement);
  DatabaseError Error() const;

  std::unique_ptr<st_mysql, Closer> handle_;
};

}  // namespace batchsql
