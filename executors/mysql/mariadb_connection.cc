#include "executors/mysql/mariadb_connection.h"

#include <mysql.h>

#include <utility>

#include "executors/mysql/array_row_writer.h"
#include "executors/mysql/errors.h"

namespace batchsql {
namespace {

void SetText(MYSQL* handle, mysql_option option, const std::string& value) {
  if (!value.empty()) mysql_optionsv(handle, option, value.c_str());
}

void SetTls(MYSQL* handle, const MySqlAddress& address) {
  SetText(handle, MYSQL_OPT_SSL_CA, address.ssl_ca);
  SetText(handle, MYSQL_OPT_SSL_CAPATH, address.ssl_capath);
  SetText(handle, MYSQL_OPT_SSL_CERT, address.ssl_cert);
  SetText(handle, MYSQL_OPT_SSL_KEY, address.ssl_key);
  const my_bool enforced = address.tls == MySqlAddress::Tls::kDisabled ? 0 : 1;
  const my_bool verified = address.tls == MySqlAddress::Tls::kVerifyFull ? 1 : 0;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &enforced);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified);
}

void SetOptions(MYSQL* handle, const MySqlAddress& address, const MySqlOptions& options) {
  // Over TCP, "localhost" is no socket.
  const unsigned int protocol = address.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &options.connect_timeout_s);
  mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &options.read_timeout_s);
  mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &options.write_timeout_s);
  // No silent second session in the middle of a transaction, no files for a hostile server.
  const my_bool reconnects = 0;
  mysql_optionsv(handle, MYSQL_OPT_RECONNECT, &reconnects);
  const unsigned int local_files = 0;
  mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &local_files);
  SetTls(handle, address);
}

bool TakesArrays(MYSQL* handle) {
  unsigned long capabilities = 0;  // NOLINT(google-runtime-int): the library's type
  if (mariadb_get_infov(handle, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities)) {
    return false;
  }
  return (capabilities & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32U)) != 0;
}

struct ResultCloser {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Result = std::unique_ptr<MYSQL_RES, ResultCloser>;

MySqlRow CopyRow(MYSQL_RES* result, MYSQL_ROW cells) {
  const unsigned int columns = mysql_num_fields(result);
  const auto* const lengths = mysql_fetch_lengths(result);
  MySqlRow row(columns);
  for (unsigned int i = 0; i < columns; ++i) {
    if (cells[i] != nullptr) row[i].emplace(cells[i], lengths[i]);
  }
  return row;
}

MYSQL_BIND TextBind(std::string_view text) {
  MYSQL_BIND bind = {};
  bind.buffer_type = MYSQL_TYPE_STRING;
  bind.buffer = const_cast<char*>(text.data());  // only read: it is a parameter
  bind.buffer_length = text.size();
  return bind;
}

// The row that a statement's cursor is at, as text.
DatabaseError ReadRow(MYSQL_STMT* statement, MySqlRow* row) {
  for (unsigned int i = 0; i < row->size(); ++i) {
    unsigned long length = 0;  // NOLINT(google-runtime-int): the library's type
    my_bool is_null = 0;
    MYSQL_BIND bind = {};
    bind.buffer_type = MYSQL_TYPE_STRING;
    bind.length = &length;
    bind.is_null = &is_null;
    // First how long it is, then the bytes.
    if (mysql_stmt_fetch_column(statement, &bind, i, 0) != 0) return MariaDbError(statement);
    if (is_null != 0) continue;
    std::string& cell = (*row)[i].emplace(length, '\0');
    bind.buffer = cell.data();
    bind.buffer_length = length;
    if (length > 0 && mysql_stmt_fetch_column(statement, &bind, i, 0) != 0) {
      return MariaDbError(statement);
    }
  }
  return {};
}

}  // namespace

void MariaDbStatementCloser::operator()(st_mysql_stmt* statement) const {
  mysql_stmt_close(statement);
}

DatabaseError MariaDbError(st_mysql_stmt* statement) {
  return MySqlError(static_cast<int>(mysql_stmt_errno(statement)), mysql_stmt_error(statement));
}

void MariaDbConnection::Closer::operator()(st_mysql* handle) const { mysql_close(handle); }

DatabaseError MariaDbConnection::Open(const MySqlAddress& address, const MySqlOptions& options,
                                      std::unique_ptr<MySqlConnection>* connection) {
  std::unique_ptr<MariaDbConnection> opened(new MariaDbConnection(mysql_init(nullptr)));
  MYSQL* const handle = opened->handle_.get();
  if (handle == nullptr) return {ErrorClass::kRetry, "0", "out of memory", RejectReason::kNone, ""};
  SetOptions(handle, address, options);
  const bool is_tcp = address.socket.empty();
  if (mysql_real_connect(handle, is_tcp ? address.host.c_str() : nullptr, address.user.c_str(),
                         address.password.c_str(), address.database.c_str(), address.port,
                         is_tcp ? nullptr : address.socket.c_str(), 0) == nullptr) {
    return opened->Error();
  }
  if (TakesArrays(handle)) *connection = std::move(opened);
  return {};
}

DatabaseError MariaDbConnection::Error() const {
  return MySqlError(static_cast<int>(mysql_errno(handle_.get())), mysql_error(handle_.get()));
}

DatabaseError MariaDbConnection::Execute(const std::string& sql) {
  std::vector<MySqlRow> rows;
  return Query(sql, {}, &rows);
}

DatabaseError MariaDbConnection::Query(const std::string& sql,
                                       absl::Span<const std::string_view> parameters,
                                       std::vector<MySqlRow>* rows) {
  rows->clear();
  if (parameters.empty()) {
    return QueryEach(sql, [&](const MySqlRow& row) { rows->push_back(row); });
  }
  MariaDbStatement statement;
  if (DatabaseError error = Run(sql, parameters, &statement); !error.ok()) return error;
  if (mysql_stmt_store_result(statement.get()) != 0) return MariaDbError(statement.get());
  int fetched;
  while ((fetched = mysql_stmt_fetch(statement.get())) == 0 || fetched == MYSQL_DATA_TRUNCATED) {
    MySqlRow row(mysql_stmt_field_count(statement.get()));
    if (DatabaseError error = ReadRow(statement.get(), &row); !error.ok()) return error;
    rows->push_back(std::move(row));
  }
  return fetched == MYSQL_NO_DATA ? DatabaseError() : MariaDbError(statement.get());
}

DatabaseError MariaDbConnection::QueryEach(const std::string& sql, SqlSession::OnRow on_row) {
  if (mysql_real_query(handle_.get(), sql.data(), sql.size()) != 0) return Error();
  const Result result(mysql_use_result(handle_.get()));
  if (result != nullptr) {
    while (MYSQL_ROW cells = mysql_fetch_row(result.get())) on_row(CopyRow(result.get(), cells));
  }
  // No result is an error only where there should have been one; a result may end with an error.
  return mysql_errno(handle_.get()) == 0 ? DatabaseError() : Error();
}

DatabaseError MariaDbConnection::Change(const std::string& sql,
                                        absl::Span<const std::string_view> parameters,
                                        uint64_t* rows) {
  if (parameters.empty()) {
    DatabaseError error = Execute(sql);
    *rows = error.ok() ? mysql_affected_rows(handle_.get()) : 0;
    return error;
  }
  MariaDbStatement statement;
  DatabaseError error = Run(sql, parameters, &statement);
  *rows = error.ok() ? mysql_stmt_affected_rows(statement.get()) : 0;
  return error;
}

std::unique_ptr<MySqlRowWriter> MariaDbConnection::MakeRowWriter() {
  return std::make_unique<ArrayRowWriter>(*this);
}

DatabaseError MariaDbConnection::Prepare(const std::string& sql, MariaDbStatement* statement) {
  MariaDbStatement prepared(mysql_stmt_init(handle_.get()));
  if (prepared == nullptr) return Error();
  if (mysql_stmt_prepare(prepared.get(), sql.data(), sql.size()) != 0) {
    return MariaDbError(prepared.get());
  }
  *statement = std::move(prepared);
  return {};
}

DatabaseError MariaDbConnection::Run(const std::string& sql,
                                     absl::Span<const std::string_view> parameters,
                                     MariaDbStatement* statement) {
  if (DatabaseError error = Prepare(sql, statement); !error.ok()) return error;
  std::vector<MYSQL_BIND> binds;
  binds.reserve(parameters.size());
  for (const std::string_view parameter : parameters) binds.push_back(TextBind(parameter));
  if (mysql_stmt_bind_param(statement->get(), binds.data()) != 0 ||
      mysql_stmt_execute(statement->get()) != 0) {
    return MariaDbError(statement->get());
  }
  return {};
}

}  // namespace batchsql
