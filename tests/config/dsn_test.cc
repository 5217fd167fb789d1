#include "config/dsn.h"

#include <catch2/catch.hpp>

namespace batchsql {
namespace {

constexpr TargetKind kPg = TargetKind::kPostgresql;
constexpr TargetKind kMy = TargetKind::kMysql;
constexpr TargetKind kLite = TargetKind::kSqlite;

TEST_CASE("MaskDsn hides passwords and shows the rest") {
  struct Case {
    TargetKind kind;
    std::string dsn;
    std::string shown;
  };
  const Case cases[] = {
      {kPg, "postgresql://u:hunter2@h:5432/d?sslmode=verify-full",
       "postgresql://u:***@h:5432/d?sslmode=verify-full"},
      {kPg, "postgres://u@h/d", "postgres://u@h/d"},
      {kPg, "postgresql:///d?host=/run/pg&password=hunter2&user=u",
       "postgresql:///d?host=/run/pg&password=***&user=u"},
      {kPg, "postgresql://h/d?pass%77ord=hunter2&sslpassword=hunter2",
       "postgresql://h/d?pass%77ord=***&sslpassword=***"},
      {kPg, "postgresql://u:hunter2@x@h/d", "postgresql://u:***@h/d"},
      {kPg, "postgresql://u:hunter2/?@h/d", "postgresql://u:***@h/d"},
      {kPg, "postgresql://u:hunter2:hunter2@h/d", "postgresql://u:***@h/d"},
      {kPg, "postgresql://h/d?hunter2", "postgresql://h/d?***"},
      {kPg, "host=h user=u password=hunter2 dbname=d", "host=h user=u password=*** dbname=d"},
      {kPg, "password = 'hunter2 \\' hunter2' host = 'h'", "password=*** host='h'"},
      {kPg, "password=hunter2\\ hunter2 host=h", "password=*** host=h"},
      {kPg, "PASSWORD=hunter2", "PASSWORD=***"},
      {kPg, "options='-c x=hunter2' host=h", "options=*** host=h"},
      {kPg, "host=h password='hunter2", "***"},
      {kPg, "hunter2", "***"},
      {kMy, "mysql://u:hunter2@h:3306/d?ssl_ca=/ca&x=hunter2",
       "mysql://u:***@h:3306/d?ssl_ca=/ca&x=***"},
      {kMy, "mariadb://u:hunter2@[::1]/d", "mariadb://u:***@[::1]/d"},
      {kMy, "hunter2", "***"},
      {kLite, "./data/batchsql.db", "./data/batchsql.db"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.dsn);
    CHECK(MaskDsn(c.kind, c.dsn) == c.shown);
    CHECK(MaskDsn(c.kind, c.dsn).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("CheckDsn takes each kind's forms") {
  CHECK(CheckDsn(kPg, "postgresql://h/d").ok());
  CHECK(CheckDsn(kPg, "postgres://").ok());
  CHECK(CheckDsn(kPg, "host=/run/pg dbname='a b'").ok());
  CHECK(CheckDsn(kMy, "mysql://u:p@h/d").ok());
  CHECK(CheckDsn(kMy, "mariadb:///d?socket=/run/mysqld.sock").ok());
  CHECK(CheckDsn(kLite, "a.db").ok());
  CHECK(CheckDsn(kLite, "/var/lib/a b.db").ok());
}

TEST_CASE("CheckDsn refuses other forms without quoting them") {
  const std::pair<TargetKind, std::string> cases[] = {{kPg, "hunter2"},
                                                      {kPg, "mysql://hunter2"},
                                                      {kPg, "password='hunter2"},
                                                      {kPg, "host"},
                                                      {kPg, "=hunter2"},
                                                      {kPg, "host=h hunter2"},
                                                      {kMy, "h/hunter2"},
                                                      {kMy, "mysql://u:hunter2"},
                                                      {kMy, "mysql://u:hunter2@h/"},
                                                      {kMy, "mysql://h?x=/hunter2"},
                                                      {kLite, ":memory:"},
                                                      {kLite, "file:hunter2?mode=memory"},
                                                      {kLite, "sqlite:///hunter2"}};
  for (const auto& [kind, dsn] : cases) {
    CAPTURE(dsn);
    const absl::Status status = CheckDsn(kind, dsn);
    CHECK_FALSE(status.ok());
    CHECK(status.message().find("expected") != absl::string_view::npos);
    CHECK(status.message().find("hunter2") == absl::string_view::npos);
  }
}

}  // namespace
}  // namespace batchsql
