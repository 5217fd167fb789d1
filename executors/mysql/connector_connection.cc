#include "executors/mysql/connection.h"

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

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "executors/mysql/errors.h"

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

// STRICT_ALL_TABLES and the NO_ZERO modes: refuse what does not fit instead of changing it.
// NO_AUTO_VALUE_ON_ZERO: a 0 that was sent to an AUTO_INCREMENT column is 0.
// NO_ENGINE_SUBSTITUTION: a new table is InnoDB or an error. completion_type: COMMIT opens no new
// transaction. lock_wait_timeout: a statement gives up on a table under ALTER before the read
// timeout.
constexpr char kSessionVariables[] =
    "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', "
    "time_zone='+00:00', foreign_key_checks=1, unique_checks=1, completion_type='NO_CHAIN', "
    "lock_wait_timeout=60";

// A flush reads nothing, so it needs no snapshot; READ COMMITTED takes no gap locks, over which
// flushes and the table's other writers would deadlock.
constexpr char kIsolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

constexpr char kServerFacts[] =
    "SELECT @@GLOBAL.max_allowed_packet, VERSION(), @@GLOBAL.innodb_flush_log_at_trx_commit, "
    "@@GLOBAL.log_bin, @@GLOBAL.sync_binlog, @@GLOBAL.innodb_doublewrite, "
    "CONCAT(@@GLOBAL.hostname, ':', @@GLOBAL.port, ':', @@GLOBAL.server_id), CONNECTION_ID()";

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

// The setting innodb_flush_log_at_trx_commit=3 is MariaDB's and as durable as 1. The doublewrite
// buffer is told as a number or, by newer servers, as a word.
std::string WeakDurability(const MySqlRow& facts) {
  const std::string flush = facts[2].value_or("");
  const bool logs_binary = facts[3].value_or("0") != "0";
  const std::string sync = facts[4].value_or("");
  const std::string doublewrite = facts[5].value_or("");
  std::vector<std::string> weak;
  if (flush != "1" && flush != "3") {
    weak.push_back(absl::StrCat("innodb_flush_log_at_trx_commit=", flush));
  }
  if (logs_binary && sync != "1") weak.push_back(absl::StrCat("sync_binlog=", sync));
  if (doublewrite == "0" || doublewrite == "OFF" || doublewrite == "DETECT_ONLY") {
    weak.push_back(absl::StrCat("innodb_doublewrite=", doublewrite));
  }
  return absl::StrJoin(weak, " ");
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

MySqlConnection::MySqlConnection() = default;

MySqlConnection::~MySqlConnection() {
  EnterDriver();
  statement_.reset();
  connection_.reset();
}

DatabaseError MySqlConnection::Open(const MySqlAddress& address, const MySqlOptions& options,
                                    std::unique_ptr<MySqlConnection>* connection) {
  std::unique_ptr<MySqlConnection> opened(new MySqlConnection());
  if (DatabaseError error = opened->Connect(address, options); !error.ok()) return error;
  if (DatabaseError error = opened->CheckEncryption(address.tls); !error.ok()) return error;
  if (DatabaseError error = opened->SetUpSession(); !error.ok()) return error;
  if (DatabaseError error = opened->ReadServerFacts(); !error.ok()) return error;
  *connection = std::move(opened);
  return {};
}

DatabaseError MySqlConnection::Connect(const MySqlAddress& address, const MySqlOptions& options) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    sql::ConnectOptionsMap map = ConnectOptions(address, options);
    connection_.reset(Driver().connect(map));
    statement_.reset(connection_->createStatement());
  });
}

// What the client library does when TLS was asked for and the server has none depends on its
// version: ask the session.
DatabaseError MySqlConnection::CheckEncryption(MySqlAddress::Tls tls) {
  if (tls == MySqlAddress::Tls::kDisabled) return {};
  std::vector<MySqlRow> rows;
  DatabaseError error = Query("SHOW SESSION STATUS LIKE 'Ssl_cipher'", {}, &rows);
  if (!error.ok()) return error;
  if (rows.size() == 1 && rows[0].size() == 2 && !rows[0][1].value_or("").empty()) return {};
  return MySqlError(2026, "the server offers no TLS");
}

DatabaseError MySqlConnection::SetUpSession() {
  if (DatabaseError error = Execute(kSessionVariables); !error.ok()) return error;
  return Execute(kIsolation);
}

DatabaseError MySqlConnection::ReadServerFacts() {
  std::vector<MySqlRow> rows;
  if (DatabaseError error = Query(kServerFacts, {}, &rows); !error.ok()) return error;
  if (rows.size() != 1 || !absl::SimpleAtoi(rows[0][0].value_or(""), &server_.packet_bytes_max) ||
      !absl::SimpleAtoi(rows[0][7].value_or(""), &server_.session_id)) {
    return MySqlError(2027, "the server did not tell its settings");
  }
  server_.is_mariadb = rows[0][1].value_or("").find("MariaDB") != std::string::npos;
  server_.weak_durability = WeakDurability(rows[0]);
  server_.name = rows[0][6].value_or("");
  // MySQL has no such setting. A stopped process must not hold its slot for ever.
  return server_.is_mariadb ? Execute("SET SESSION idle_transaction_timeout=60") : DatabaseError();
}

DatabaseError MySqlConnection::Execute(const std::string& sql) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    statement_->execute(sql);
  });
}

DatabaseError MySqlConnection::Query(const std::string& sql,
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

DatabaseError MySqlConnection::QueryEach(const std::string& sql, SqlSession::OnRow on_row) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    const std::unique_ptr<sql::Statement> statement(connection_->createStatement());
    statement->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);  // not held by the client
    const std::unique_ptr<sql::ResultSet> results(statement->executeQuery(sql));
    const uint32_t columns = results->getMetaData()->getColumnCount();
    while (results->next()) on_row(ReadRow(*results, columns));
  });
}

DatabaseError MySqlConnection::Change(const std::string& sql,
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

DatabaseError MySqlConnection::Prepare(const std::string& sql,
                                       std::unique_ptr<sql::PreparedStatement>* statement) {
  return CatchMySqlErrors([&] {
    EnterDriver();
    statement->reset(connection_->prepareStatement(sql));
  });
}

}  // namespace batchsql
