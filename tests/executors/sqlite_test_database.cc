#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "executors/sqlite/sqlite_executor.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

// A database file in a folder of its own, removed at the end.
class SqliteTestDatabase final : public TestDatabase {
 public:
  SqliteTestDatabase() : folder_(MakeFolder()), path_(folder_ / "test.db") {
    // The executor makes the file and puts it into WAL mode.
    const absl::Status made = MakeExecutor()->Describe({"", "none"}, WriteRule()).status();
    if (made.code() != absl::StatusCode::kNotFound) throw std::runtime_error(made.ToString());
    if (sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
      throw std::runtime_error("cannot open the database file");
    }
    sqlite3_busy_timeout(database_, 10'000);
  }

  ~SqliteTestDatabase() override {
    sqlite3_close(database_);
    std::filesystem::remove_all(folder_);
  }

  std::string_view kind() const override { return "sqlite"; }

  void Execute(const std::string& sql) override {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) Throw();
  }

  std::vector<Row> Query(const std::string& sql) override {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) Throw();
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(statement, sqlite3_finalize);
    std::vector<Row> rows;
    int code = SQLITE_OK;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      Row& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) row.push_back(Text(statement, i));
    }
    if (code != SQLITE_DONE) Throw();
    return rows;
  }

  std::unique_ptr<Executor> MakeExecutor() override {
    return MakeSqliteExecutor({.path = path_.string(), .busy_timeout_ms = 10'000});
  }
  bool KillConnections() override { return false; }

  std::string Quote(std::string_view identifier) const override {
    return absl::StrCat("\"", absl::StrReplaceAll(std::string(identifier), {{"\"", "\"\""}}), "\"");
  }

  std::string ColumnSql(ColumnType type) override {
    switch (type) {
      case ColumnType::kBool:
        return "BOOLEAN";
      case ColumnType::kInt64:
        return "BIGINT";
      case ColumnType::kUint64:
        return "UNSIGNED TEXT";
      case ColumnType::kFloat64:
        return "DOUBLE PRECISION";
      case ColumnType::kDecimal:
        return "DECIMAL TEXT";
      case ColumnType::kText:
        return "TEXT";
      case ColumnType::kBytes:
        return "BLOB";
      case ColumnType::kDate:
        return "DATE";
      case ColumnType::kTime:
        return "TIME";
      case ColumnType::kTimestamp:
        return "TIMESTAMP";
      case ColumnType::kTimestampTz:
        return "TIMESTAMPTZ";
      case ColumnType::kUuid:
        return "UUID";
      case ColumnType::kJson:
        return "JSON";
      case ColumnType::kFloat32:
      case ColumnType::kEnum:
      case ColumnType::kArray:
        return "";
    }
    return "";
  }
  std::string ArraySql(ColumnType /*element*/) override { return ""; }

  std::string Canonical(ColumnType type, const std::string& column) const override {
    switch (type) {
      case ColumnType::kBytes:
        return absl::StrCat("CASE WHEN ", column, " IS NOT NULL THEN lower(hex(", column, ")) END");
      case ColumnType::kTimestampTz:
        return absl::StrCat("rtrim(", column, ", 'Z')");
      default:
        return column;
    }
  }

  std::set<std::string> RefusedEdges() const override { return {"float64 nan", "float64 -0"}; }
  bool has_deferred_constraints() const override { return true; }

 private:
  static std::filesystem::path MakeFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "batchsql-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
    return name;
  }

  static std::optional<std::string> Text(sqlite3_stmt* statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_FLOAT) {
      // SQLite's own text of a double is not exact.
      char buffer[40];
      std::snprintf(buffer, sizeof(buffer), "%.17g", sqlite3_column_double(statement, column));
      return buffer;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    if (text == nullptr) return std::nullopt;
    return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
  }

  [[noreturn]] void Throw() { throw std::runtime_error(sqlite3_errmsg(database_)); }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  sqlite3* database_ = nullptr;
};

}  // namespace

std::unique_ptr<TestDatabase> MakeTestDatabase() { return std::make_unique<SqliteTestDatabase>(); }

}  // namespace batchsql::contract
