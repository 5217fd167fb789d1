#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "executors/mysql/connection.h"

namespace sql {
class Connection;
class PreparedStatement;
class Statement;
}  // namespace sql

namespace batchsql {

// The exception of the connector's in flight, as an error. Call within a catch block only.
DatabaseError CurrentMySqlError();

// Runs `fn`, turning the connector's exceptions into errors.
template <typename Fn>
DatabaseError CatchMySqlErrors(Fn&& fn) {
  try {
    std::forward<Fn>(fn)();
    return {};
  } catch (...) {
    return CurrentMySqlError();
  }
}

// A session over Connector/C++, which every server of the family understands. Owns the driver's
// connection.
class ConnectorConnection final : public MySqlConnection {
 public:
  static DatabaseError Open(const MySqlAddress& address, const MySqlOptions& options,
                            std::unique_ptr<MySqlConnection>* connection);
  ~ConnectorConnection() override;

  DatabaseError Execute(const std::string& sql) override;
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<MySqlRow>* rows) override;
  DatabaseError QueryEach(const std::string& sql, SqlSession::OnRow on_row) override;
  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows) override;
  std::unique_ptr<MySqlRowWriter> MakeRowWriter() override;

  // The statement must end before the connection.
  DatabaseError Prepare(const std::string& sql, std::unique_ptr<sql::PreparedStatement>* statement);

 private:
  ConnectorConnection();

  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::Statement> statement_;
};

}  // namespace batchsql
