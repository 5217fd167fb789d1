#include "executors/shared/own_tables.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "executors/shared/letter_table.h"

namespace batchsql {
namespace {

using Kind = WriteOutcome::Kind;

constexpr OwnTablesDialect kDialect = {.bytes_before = "x'",
                                       .bytes_after = "'",
                                       .hex_before = "hex(",
                                       .hex_after = ")",
                                       .lock = "",
                                       .parameter = "?",
                                       .parameter_type = "",
                                       .update_from = true,
                                       .insert_new_after = ""};

// A database whose tables are empty, and that ends a transaction as a test says.
class EmptySession : public SqlSession {
 public:
  CommitResult commit_result{Kind::kCommitted, {}};
  bool stays_open = false;      // after a COMMIT that was refused
  bool ends_on_change = false;  // without a word
  int commits = 0;
  int rollbacks = 0;

  DatabaseError BeginLocking() override {
    open_ = true;
    return {};
  }
  DatabaseError Query(const std::string& /*sql*/, absl::Span<const std::string_view> /*parameters*/,
                      std::vector<TextRow>* /*rows*/) override {
    return {};
  }
  DatabaseError QueryEach(const std::string& /*sql*/, OnRow /*on_row*/) override { return {}; }
  DatabaseError Change(const std::string& /*sql*/,
                       absl::Span<const std::string_view> /*parameters*/, uint64_t* rows) override {
    *rows = 3;
    if (ends_on_change) open_ = false;
    return {};
  }
  bool InTransaction() override { return open_; }
  void Rollback() override {
    ++rollbacks;
    open_ = false;
  }
  CommitResult Commit() override {
    ++commits;
    open_ = stays_open;
    return commit_result;
  }

 private:
  bool open_ = false;
};

absl::Status Claim(EmptySession& session) {
  return RunClaim(session, kDialect, {Uuid{1}, {}, 2, 1, Uuid{2}});
}
absl::Status Purge(EmptySession& session) {
  return RunPurge(session, kDialect, Uuid{1}, {}).status();
}

TEST_CASE("Claims and purges end as their commit does") {
  EmptySession session;
  const auto run = GENERATE(&Claim, &Purge);
  CHECK(run(session).ok());

  session.commit_result = {Kind::kInDoubt, {ErrorClass::kReconnect, "08006", ""}};
  CHECK(absl::IsUnknown(run(session)));
  CHECK(session.rollbacks == 0);

  session.commit_result = {Kind::kNotCommitted, {ErrorClass::kRetry, "40001", ""}};
  session.stays_open = GENERATE(false, true);
  CHECK(absl::IsUnavailable(run(session)));
  CHECK(session.rollbacks == (session.stays_open ? 1 : 0));
  CHECK_FALSE(session.InTransaction());
}

TEST_CASE("Claims and purges whose transaction is gone are not committed") {
  EmptySession session;
  session.ends_on_change = true;
  const auto run = GENERATE(&Claim, &Purge);
  CHECK(absl::IsUnavailable(run(session)));
  CHECK(session.commits == 0);
}

}  // namespace
}  // namespace batchsql
