#include "executors/mysql/connection.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "executors/mysql/connector_connection.h"
#include "executors/mysql/errors.h"
#include "executors/mysql/mariadb_connection.h"

namespace batchsql {
namespace {

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

// A flush reads no more than its pipeline's slots, so it needs no snapshot; READ COMMITTED takes no
// gap locks, over which flushes and the table's other writers would deadlock.
constexpr char kIsolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

constexpr char kServerFacts[] =
    "SELECT @@GLOBAL.max_allowed_packet, VERSION(), @@GLOBAL.innodb_flush_log_at_trx_commit, "
    "@@GLOBAL.log_bin, @@GLOBAL.sync_binlog, @@GLOBAL.innodb_doublewrite, "
    "CONCAT(@@GLOBAL.hostname, ':', @@GLOBAL.port, ':', @@GLOBAL.server_id), CONNECTION_ID()";

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

}  // namespace

DatabaseError MySqlConnection::Open(const MySqlAddress& address, const MySqlOptions& options,
                                    std::unique_ptr<MySqlConnection>* connection) {
  std::unique_ptr<MySqlConnection> opened;
  DatabaseError error;
  if (options.array_binding) error = MariaDbConnection::Open(address, options, &opened);
  if (error.ok() && opened == nullptr) error = ConnectorConnection::Open(address, options, &opened);
  if (error.ok()) error = opened->CheckEncryption(address.tls);
  if (error.ok()) error = opened->SetUpSession();
  if (error.ok()) error = opened->ReadServerFacts();
  if (error.ok()) *connection = std::move(opened);
  return error;
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
  // MySQL has no such setting, MariaDB since 10.3. A stopped process must not hold its slot for
  // ever.
  return server_.is_mariadb ? Execute("SET SESSION idle_transaction_timeout=60") : DatabaseError();
}

}  // namespace batchsql
