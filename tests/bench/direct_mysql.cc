#include <mysql.h>

#include <cstring>
#include <string>

#include "executors/mysql/dsn.h"
#include "tests/bench/direct_writer.h"

namespace batchsql::bench {
namespace {

constexpr size_t kColumns = 6;
constexpr char kInsert[] = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)";

class MySqlWriter : public DirectWriter {
 public:
  explicit MySqlWriter(const MySqlAddress& address) : connection_(mysql_init(nullptr)) {
    if (mysql_real_connect(connection_, address.host.c_str(), address.user.c_str(),
                           address.password.c_str(), address.database.c_str(), address.port,
                           nullptr, 0) == nullptr) {
      Fail(mysql_error(connection_));
    }
    statement_ = mysql_stmt_init(connection_);
    Check(mysql_stmt_prepare(statement_, kInsert, sizeof(kInsert) - 1) == 0);
  }
  ~MySqlWriter() override {
    mysql_stmt_close(statement_);
    mysql_close(connection_);
  }
  MySqlWriter(const MySqlWriter&) = delete;
  MySqlWriter& operator=(const MySqlWriter&) = delete;

  void Insert(const WorkloadRow& row) override {
    MYSQL_BIND cells[kColumns] = {};
    BindFixed(&cells[0], MYSQL_TYPE_LONGLONG, &row.id);
    BindText(&cells[1], row.ts);
    BindFixed(&cells[2], MYSQL_TYPE_LONG, &row.user_id);
    BindText(&cells[3], row.name);
    BindFixed(&cells[4], MYSQL_TYPE_DOUBLE, &row.amount);
    BindText(&cells[5], row.payload);
    Check(mysql_stmt_bind_param(statement_, cells) == 0);
    Check(mysql_stmt_execute(statement_) == 0);
  }

 private:
  // libmariadb reads through these pointers, though they are not const.
  static void BindFixed(MYSQL_BIND* cell, enum_field_types type, const void* value) {
    cell->buffer_type = type;
    cell->buffer = const_cast<void*>(value);
  }

  static void BindText(MYSQL_BIND* cell, const std::string& text) {
    cell->buffer_type = MYSQL_TYPE_STRING;
    cell->buffer = const_cast<char*>(text.data());
    cell->buffer_length = text.size();
  }

  void Check(bool good) {
    if (!good) Fail(mysql_stmt_error(statement_));
  }

  MYSQL* const connection_;
  MYSQL_STMT* statement_ = nullptr;
};

}  // namespace

std::unique_ptr<DirectWriter> ConnectMySql(const std::string& dsn) {
  const absl::StatusOr<MySqlAddress> address = ParseMySqlDsn(dsn);
  if (!address.ok()) DirectWriter::Fail(std::string(address.status().message()).c_str());
  return std::make_unique<MySqlWriter>(*address);
}

}  // namespace batchsql::bench
