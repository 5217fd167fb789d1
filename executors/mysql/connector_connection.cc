#include "executors/mysql/connector_connection.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

#include <exception>
#include <mutex>
#include <new>

#include "absl/strings/str_cat.h"
#include "executors/mysql/errors.h"
#include "executors/mysql/multi_row_writer.h"

namespace batchsql {
namespace {

// get_driver_instance is not thread-safe the first time.
sql::Driver& Driver() {
  static std::once_flag once;
  static sql::Driver* driver = nullptr;
  std::call_once(once, [] { driver = sql::mysql::get_driver_instance(); });
  return *driver;
}

// The client library's per-thread data, for as long as the thread lives. (libmariadb has none; a
// connector built over libmysqlclient does.)
struct DriverThread {
  DriverThread() { Driver().threadInit(); }
  ~DriverThread() { Driver().threadEnd(); }
};

void EnterDriver() { thread_local DriverThread thread; }

void SetIfGiven(sql::ConnectOptionsMap& options, const char* name, const std::string& value) {
  if (!value.empty()) options[name] = sql::SQLString(value);
}

void SetTls(const MySqlAddress& address, sql::ConnectOptionsMap& options) {
  SetIfGiven(options, "sslCA", address.ssl_ca);
  SetIfGiven(options, "sslCAPath", address.ssl_capath);
  SetIfGiven(options, "sslCert", address.ssl_cert);
  SetIfGiven(options, "sslKey", address.ssl_key);
  if (address.tls == MySqlAddress::Tls::kRequired) options["sslEnforce"] = true;
  if (address.tls == MySqlAddress::Tls::kVerifyFull) {
    options["sslEnforce"] = true;
    options["sslVerify"] = true;
  }
}

sql::ConnectOptionsMap ConnectOptions(const MySqlAddress& address, const MySqlOptions& options) {
  sql::ConnectOptionsMap map;
  if (!address.socket.empty()) {
    map["hostName"] = sql::SQLString(absl::StrCat("unix://", address.socket));
  } else {
    // With tcp:// the library does not turn "localhost" into a socket.
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    map["hostName"] = sql::SQLString(absl::StrCat("tcp://", is_ipv6 ? "[" : "", address.host,
                                                  is_ipv6 ? "]" : "", ":", address.port));
  }
  map["userName"] = sql::SQLString(address.user);
  map["password"] = sql::SQLString(address.password);
  map["schema"] = sql::SQLString(address.database);
  map["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  map["characterSetResults"] = sql::SQLString("utf8mb4");
  map["OPT_CONNECT_TIMEOUT"] = options.connect_timeout_s;
  map["OPT_READ_TIMEOUT"] = options.read_timeout_s;
  map["OPT_WRITE_TIMEOUT"] = options.write_timeout_s;
  // No silent second session in the middle of a transaction, no files for a hostile server.
  map["OPT_RECONNECT"] = false;
  map["OPT_LOCAL_INFILE"] = 0;
  SetTls(address, map);
  return map;
}

MySqlRow ReadRow(sql::ResultSet& results, uint32_t columns) {
  MySqlRow row(columns);
  for (uint32_t i = 0; i < columns; ++i) {
    const std::string text = results.getString(i + 1).asStdString();
    if (!results.isNull(i + 1)) row[i] = text;
  }
  return row;
}

std::unique_ptr<sql::PreparedStatement> PrepareWith(sql::Connection& connection,
                                                    const std::string& sql,
                                                    absl::Span<const std::string_view> parameters) {
  std::unique_ptr<sql::PreparedStatement> prepared(connection.prepareStatement(sql));
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    prepared->setString(i + 1, sql::SQLString(parameters[i].data(), parameters[i].size()));
  }
  return prepared;
}

}  // namespace

DatabaseError CurrentMySqlError() {
  try {
    throw;
  } catch (const sql::SQLException& error) {
    return MySqlError(error.getErrorCode(), error.what());
  } catch (const std::bad_alloc&) {
    return {ErrorClass::kRetry, "0", "out of memory", RejectReason::kNone, ""};
  } catch (const std::exception&) {
    return MySqlError(0, "");
  }
}

DatabaseError ConnectorConnection::Open(const MySqlAddress& address, const MySqlOptions& options,
                                        std::unique_ptr<MySqlConnection>* connection) {
  std::unique_ptr<ConnectorConnection> opened(new ConnectorConnection());
  DatabaseError error = CatchMySqlErrors([&] {
    EnterDriver();
    sql::ConnectOptionsMap map = ConnectOptions(address, options);
    opened->connection_.reset(Driver().connect(map));
    opened->statement_.reset(opened->connection_->createStatement());
  });
  if (error.ok()) *connection = std::move(opened);
  return error;
}

ConnectorConnection::ConnectorConnection() = default;

ConnectorConnection::~ConnectorConnection() {
  EnterDriver();
  statement_.reset();
  connection_.reset();
}

DatabaseError ConnectorConnection::Execute(const std::string& sql) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    statement_->execute(sql);
  });
}

DatabaseError ConnectorConnection::Query(const std::string& sql,
                                         absl::Span<const std::string_view> parameters,
                                         std::vector<MySqlRow>* rows) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    rows->clear();
    std::unique_ptr<sql::ResultSet> results;
    std::unique_ptr<sql::PreparedStatement> prepared;
    if (parameters.empty()) {
      results.reset(statement_->executeQuery(sql));
    } else {
      prepared = PrepareWith(*connection_, sql, parameters);
      results.reset(prepared->executeQuery());
    }
    const uint32_t columns = results->getMetaData()->getColumnCount();
    while (results->next()) rows->push_back(ReadRow(*results, columns));
  });
}

DatabaseError ConnectorConnection::QueryEach(const std::string& sql, SqlSession::OnRow on_row) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    const std::unique_ptr<sql::Statement> statement(connection_->createStatement());
    statement->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);  // not held by the client
    const std::unique_ptr<sql::ResultSet> results(statement->executeQuery(sql));
    const uint32_t columns = results->getMetaData()->getColumnCount();
    while (results->next()) on_row(ReadRow(*results, columns));
  });
}

DatabaseError ConnectorConnection::Change(const std::string& sql,
                                          absl::Span<const std::string_view> parameters,
                                          uint64_t* rows) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    if (parameters.empty()) {
      *rows = static_cast<uint64_t>(statement_->executeUpdate(sql));
    } else {
      *rows = static_cast<uint64_t>(PrepareWith(*connection_, sql, parameters)->executeUpdate());
    }
  });
}

DatabaseError ConnectorConnection::Prepare(const std::string& sql,
                                           std::unique_ptr<sql::PreparedStatement>* statement) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    statement->reset(connection_->prepareStatement(sql));
  });
}

std::unique_ptr<MySqlRowWriter> ConnectorConnection::MakeRowWriter() {
  return std::make_unique<MultiRowWriter>(*this);
}

}  // namespace batchsql
