#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/executor.h"
#include "executors/shared/sql_session.h"
#include "executors/sqlite/sqlite_executor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace batchsql::sqlite {

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const;
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

// The identifier in double quotes.
std::string Quote(std::string_view identifier);

// One open database file and its prepared statements, the least recently used of which are dropped.
// One thread at a time. Closes the file when it is destroyed, rolling back what is open.
class Connection {
 public:
  // Opens the file, creating it with mode 0600, and sets it up.
  static DatabaseError Open(const SqliteOptions& options, std::unique_ptr<Connection>* connection);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements without results or parameters.
  DatabaseError Execute(const std::string& sql);
  // Runs one statement with text parameters and reads all its rows as text.
  DatabaseError Query(const std::string& sql, absl::Span<const std::string_view> parameters,
                      std::vector<TextRow>* rows);
  // As Query without parameters, row by row; floats with as many digits as tell them apart.
  DatabaseError QueryEach(const std::string& sql, SqlSession::OnRow on_row);
  // As Query, for a statement that changes rows: how many.
  DatabaseError Change(const std::string& sql, absl::Span<const std::string_view> parameters,
                       uint64_t* rows);
  // The prepared statement for the text, from the cache or new. It stays valid for at least the
  // next call of Prepared.
  DatabaseError Prepared(const std::string& sql, sqlite3_stmt** statement);
  // Runs a prepared statement that returns no rows, to its end, and resets it.
  DatabaseError Run(sqlite3_stmt* statement);

  // Rows that the last INSERT wrote, without those of its triggers.
  uint64_t changes() const;
  bool InTransaction() const;
  // An error has asked for a new connection.
  bool is_broken() const { return is_broken_; }
  // Rows are in the open transaction whose deferred foreign keys are not satisfied.
  bool HasUnsatisfiedForeignKeys() const;
  uint32_t parameters_max() const { return parameters_max_; }
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  static constexpr size_t kCachedStatementsMax = 64;

  explicit Connection(sqlite3* database) : database_(database) {}
  DatabaseError SetUp(const SqliteOptions& options);
  DatabaseError UseWal();
  DatabaseError LastError(int code);

  sqlite3* database_;
  bool is_broken_ = false;
  uint32_t parameters_max_ = 999;
  uint64_t bytes_max_ = 0;
  std::list<std::pair<std::string, StatementPtr>> statements_;  // most recently used first
  absl::flat_hash_map<std::string_view, decltype(statements_)::iterator> by_text_;
};

}  // namespace batchsql::sqlite
