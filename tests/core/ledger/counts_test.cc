#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

// Ends a pipeline whose database is away while it holds rows.
class CountsTest : public LettersPipelineTest {
 protected:
  void SubmitWhileAway(const std::string& request, int64_t id, int64_t rows) {
    database.ThenFail(ErrorClass::kReconnect, "08006", 1'000);
    REQUIRE(Submit(request, id, rows, AckLevel::kJournal).ok());
    RunUntil([&] { return pipeline->status().last_error == "08006"; });
  }
  void ComeBack() { database.ThenSucceed(); }
  void RunToEnd() {
    RunUntil([&] { return pipeline->status().queued_rows == 0; });
    CHECK(CountsBalance());
  }
};

TEST_CASE_METHOD(CountsTest, "Rows that are only in the journal are queued from the start on") {
  StartAndOpen();
  SubmitWhileAway("a", 1, 30);
  Stop();
  Start();
  CHECK(pipeline->status().recovered_rows == 30);
  CHECK(pipeline->status().queued_rows == 30);
  CHECK(CountsBalance());
  ComeBack();
  database.Hold();
  REQUIRE(Open().ok());
  database.AwaitHeld(1);
  CHECK(pipeline->status().queued_rows == 30);
  database.Release();
  RunToEnd();
  CHECK(pipeline->status().committed_rows == 30);
}

TEST_CASE_METHOD(CountsTest, "What was committed before the start is not counted after the claim") {
  StartAndOpen();
  REQUIRE(Submit("a", 1, 20).ok());
  RunToAnswer("a");
  SubmitWhileAway("b", 21, 10);
  Stop();
  const bool has_ledger = GENERATE(true, false);
  if (!has_ledger) REQUIRE(journal_disk.Remove("data/journal/ledger").ok());
  Start();
  CHECK(pipeline->status().queued_rows == (has_ledger ? 10 : 30));
  REQUIRE(Open().ok());
  CHECK(pipeline->status().recovered_rows == 10);
  CHECK(CountsBalance());
  ComeBack();
  RunToEnd();
  CHECK(pipeline->status().committed_rows == 10);
  CHECK(database.table().size() == 30);
}

TEST_CASE_METHOD(CountsTest, "A request without rows counts as none once it is read back") {
  StartAndOpen();
  database.ThenFail(ErrorClass::kReconnect, "08006", 1'000);
  REQUIRE(Submit("a", 1, 3, AckLevel::kJournal).ok());
  QueuedBlock empty;
  empty.schema = pipeline->schema();
  empty.answer.producer_id = "p";
  empty.answer.sequence = 1;
  empty.answer.rejected.push_back({0, "id", RejectReason::kNull, ""});
  empty.receipt = Receipt(answers.For("b"));
  empty.level = AckLevel::kJournal;
  const absl::Status submitted = pipeline->Submit(std::move(empty)).status();
  REQUIRE(submitted.ok());
  RunUntil([&] { return pipeline->status().last_error == "08006"; });
  Stop();
  Start();
  CHECK(pipeline->status().queued_rows == 4);
  ComeBack();
  REQUIRE(Open().ok());
  RunToEnd();
  CHECK(pipeline->status().recovered_rows == 3);
  CHECK(pipeline->status().committed_rows == 3);
}

TEST_CASE_METHOD(CountsTest, "Rows that a target lacks again are counted again") {
  StartAndOpen();
  REQUIRE(Submit("a", 1, 10).ok());
  RunToAnswer("a");
  const std::vector<SlotRow> old = database.slots(pipeline->id());
  REQUIRE(Submit("b", 11, 5).ok());
  RunToAnswer("b");
  database.SetSlots(pipeline->id(), old);
  REQUIRE(Submit("c", 16, 1).ok());
  RunToAnswer("c");
  RunToEnd();
  const PipelineStatus status = pipeline->status();
  CHECK(status.received_rows == 16);
  CHECK(status.recovered_rows == 5);
  CHECK(status.committed_rows == 21);
}

}  // namespace
}  // namespace batchsql
