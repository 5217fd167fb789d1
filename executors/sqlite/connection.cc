#include "executors/sqlite/connection.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "executors/sqlite/errors.h"

namespace batchsql::sqlite {
namespace {

// Makes an empty file for SQLite to open, private to the user; its WAL takes the same mode. mknod,
// not open: closing any descriptor of a database file would drop the locks of this process's other
// connections. When it fails, opening says why.
void MakePrivateFile(const std::string& path) {
  [[maybe_unused]] const int ignored = mknod(path.c_str(), S_IFREG | S_IRUSR | S_IWUSR, 0);
}

std::optional<std::string> ColumnText(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  if (text == nullptr) return std::nullopt;
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
}

// SQLite's own text has fifteen digits.
std::string RealText(double real) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), real).ptr};
}

}  // namespace

void StatementDeleter::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

std::string Quote(std::string_view identifier) {
  return absl::StrCat("\"",
                      absl::StrReplaceAll(absl::string_view(identifier.data(), identifier.size()),
                                          {{"\"", "\"\""}}),
                      "\"");
}

DatabaseError Connection::Open(const SqliteOptions& options,
                               std::unique_ptr<Connection>* connection) {
  // Each connection would get a database of its own.
  if (options.path.empty() || options.path == ":memory:") {
    return MakeError(SQLITE_CANTOPEN, "a file is needed");
  }
  MakePrivateFile(options.path);
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(
      options.path.c_str(), &database,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (database == nullptr) return MakeError(SQLITE_NOMEM, sqlite3_errstr(SQLITE_NOMEM));
  std::unique_ptr<Connection> opened(new Connection(database));
  if (code != SQLITE_OK) return opened->LastError(code);
  if (DatabaseError error = opened->SetUp(options); !error.ok()) return error;
  *connection = std::move(opened);
  return {};
}

Connection::~Connection() {
  by_text_.clear();
  statements_.clear();
  sqlite3_close(database_);
}

DatabaseError Connection::SetUp(const SqliteOptions& options) {
  if (int code = sqlite3_busy_timeout(database_, options.busy_timeout_ms); code != SQLITE_OK) {
    return LastError(code);
  }
  parameters_max_ =
      static_cast<uint32_t>(sqlite3_limit(database_, SQLITE_LIMIT_VARIABLE_NUMBER, -1));
  bytes_max_ = static_cast<uint64_t>(sqlite3_limit(database_, SQLITE_LIMIT_LENGTH, -1));
  if (DatabaseError error = UseWal(); !error.ok()) return error;
  // NORMAL may lose commits when the power fails.
  return Execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
}

DatabaseError Connection::UseWal() {
  std::vector<TextRow> rows;
  if (DatabaseError error = Query("PRAGMA journal_mode=WAL", {}, &rows); !error.ok()) return error;
  if (rows.empty() || rows[0].empty() || rows[0][0] != "wal") {
    return MakeError(SQLITE_CANTOPEN, "the file cannot be put into WAL mode");
  }
  return {};
}

DatabaseError Connection::LastError(int code) {
  DatabaseError error = MakeError(code, sqlite3_errmsg(database_));
  is_broken_ = is_broken_ || error.error_class == ErrorClass::kReconnect;
  return error;
}

DatabaseError Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? DatabaseError() : LastError(code);
}

DatabaseError Connection::Query(const std::string& sql,
                                absl::Span<const std::string_view> parameters,
                                std::vector<TextRow>* rows) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(database_, sql.c_str(), -1, &raw, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  const StatementPtr statement(raw);
  for (size_t i = 0; i < parameters.size(); ++i) {
    code = sqlite3_bind_text(raw, static_cast<int>(i + 1), parameters[i].data(),
                             static_cast<int>(parameters[i].size()), SQLITE_TRANSIENT);
    if (code != SQLITE_OK) return LastError(code);
  }
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    TextRow& row = rows->emplace_back();
    for (int i = 0; i < sqlite3_column_count(raw); ++i) row.push_back(ColumnText(raw, i));
  }
  return code == SQLITE_DONE ? DatabaseError() : LastError(code);
}

DatabaseError Connection::QueryEach(const std::string& sql, SqlSession::OnRow on_row) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(database_, sql.c_str(), -1, &raw, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  const StatementPtr statement(raw);
  TextRow row;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    row.clear();
    for (int i = 0; i < sqlite3_column_count(raw); ++i) {
      const bool real = sqlite3_column_type(raw, i) == SQLITE_FLOAT;
      row.push_back(real ? RealText(sqlite3_column_double(raw, i)) : ColumnText(raw, i));
    }
    on_row(row);
  }
  return code == SQLITE_DONE ? DatabaseError() : LastError(code);
}

DatabaseError Connection::Change(const std::string& sql,
                                 absl::Span<const std::string_view> parameters, uint64_t* rows) {
  std::vector<TextRow> none;
  DatabaseError error = Query(sql, parameters, &none);
  if (error.ok()) *rows = changes();
  return error;
}

DatabaseError Connection::Prepared(const std::string& sql, sqlite3_stmt** statement) {
  if (const auto found = by_text_.find(sql); found != by_text_.end()) {
    statements_.splice(statements_.begin(), statements_, found->second);
    *statement = statements_.front().second.get();
    return {};
  }
  sqlite3_stmt* prepared = nullptr;
  const int code =
      sqlite3_prepare_v3(database_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  if (statements_.size() >= kCachedStatementsMax) {
    by_text_.erase(statements_.back().first);
    statements_.pop_back();
  }
  statements_.emplace_front(sql, StatementPtr(prepared));
  by_text_.emplace(statements_.front().first, statements_.begin());
  *statement = prepared;
  return {};
}

DatabaseError Connection::Run(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  DatabaseError error = code == SQLITE_DONE ? DatabaseError() : LastError(code);
  sqlite3_reset(statement);  // repeats the step's error
  return error;
}

uint64_t Connection::changes() const { return static_cast<uint64_t>(sqlite3_changes(database_)); }

bool Connection::InTransaction() const { return sqlite3_get_autocommit(database_) == 0; }

bool Connection::HasUnsatisfiedForeignKeys() const {
  int current = 0;
  int highest = 0;
  sqlite3_db_status(database_, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
  return current != 0;
}

}  // namespace batchsql::sqlite
