#include "server/executor_factory.h"

#include "executors/mysql/mysql_executor.h"
#include "executors/postgresql/postgresql_executor.h"
#include "executors/sqlite/sqlite_executor.h"

namespace batchsql {

Target::ExecutorFactory MakeExecutorFactory(const TargetOptions& options) {
  switch (options.kind) {
    case TargetKind::kPostgresql:
      return [dsn = options.dsn] {
        PostgresOptions postgres;
        postgres.dsn = dsn;
        return MakePostgresExecutor(postgres);
      };
    case TargetKind::kMysql:
      return [dsn = options.dsn] {
        MySqlOptions mysql;
        mysql.dsn = dsn;
        return MakeMySqlExecutor(mysql);
      };
    case TargetKind::kSqlite:
      break;
  }
  return [path = options.dsn] {
    SqliteOptions sqlite;
    sqlite.path = path;
    return MakeSqliteExecutor(sqlite);
  };
}

}  // namespace batchsql
