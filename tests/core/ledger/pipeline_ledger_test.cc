#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using Verdict = AuditReport::Verdict;

class PipelineLedgerTest : public LettersPipelineTest {
 protected:
  AuditReport MustAudit() {
    absl::StatusOr<AuditReport> report = pipeline->Audit();
    if (!report.ok()) throw std::logic_error(std::string(report.status().message()));
    return *std::move(report);
  }
  // Until what was counted is in the file.
  void Save() {
    const uint64_t before = journal_disk.count("write");
    RunUntil([&] {
      pipeline->SaveLedger();
      return journal_disk.count("write") > before;
    });
  }
  // The process ends without a last word, as by kill -9.
  void Kill() {
    journal_disk.Freeze(true);
    letters_disk.Freeze(true);
    Stop();
    journal_disk.Freeze(false);
    letters_disk.Freeze(false);
  }
  void SubmitNumbered(const std::string& request, uint64_t sequence, int64_t id, int64_t rows) {
    std::vector<TestRow> cells;
    for (int64_t i = 0; i < rows; ++i) cells.push_back({{"id", Value::Int(id + i)}});
    QueuedBlock block = Block(request, cells);
    block.answer.producer_id = "p";
    block.answer.sequence = sequence;
    block.answer.rejected.push_back({99, "id", RejectReason::kNull, ""});
    const absl::Status status = pipeline->Submit(std::move(block)).status();
    REQUIRE(status.ok());
    RunToAnswer(request);
  }
};

TEST_CASE_METHOD(PipelineLedgerTest, "Counts outlive a restart") {
  StartAndOpen();
  SubmitNumbered("a", 1, 1, 10);
  SubmitNumbered("again", 1, 1, 10);
  pipeline->CountRejected(std::vector<RowRejection>(3));
  database.Then(Refuse(12));
  SubmitNumbered("b", 2, 11, 5);
  const AuditReport before = MustAudit();
  CHECK(before.verdict == Verdict::kUncounted);
  CHECK(before.intake == IntakeTotals{11 + 11 + 3 + 6, 0, 1 + 3 + 1, 11, 0});
  CHECK(before.ledger.committed == 14);
  CHECK(before.ledger.refused == 1);
  Stop();
  StartAndOpen();
  CHECK(pipeline->status().received_rows == 0);
  CHECK(MustAudit().intake == before.intake);
  CHECK(MustAudit().ledger == before.ledger);
  CHECK(pipeline->ended_last_hour() == EndedRows::Counts{14, 1});
}

TEST_CASE_METHOD(PipelineLedgerTest,
                 "A pipeline that cannot be opened saves nothing over its counts") {
  StartAndOpen();
  SubmitNumbered("a", 1, 1, 10);
  pipeline->CountRejected(std::vector<RowRejection>(3));  // of which the journal does not know
  const IntakeTotals before = MustAudit().intake;
  Stop();
  auto ledger = *LedgerFile::Open(&journal_disk, "data/journal");
  pipeline = std::make_unique<Pipeline>(options, target.get(), pipeline_metrics, &clock, &budget,
                                        absl::DataLossError("the letters are damaged"), nullptr,
                                        std::move(ledger));
  pipeline->SaveLedger();
  Stop();
  StartAndOpen();
  CHECK(MustAudit().intake == before);
}

TEST_CASE_METHOD(PipelineLedgerTest, "A kill costs no count of what the journal holds") {
  const bool saved = GENERATE(false, true);
  StartAndOpen();
  SubmitNumbered("a", 1, 1, 10);
  if (saved) Save();
  database.Then(Refuse(12));
  SubmitNumbered("b", 2, 11, 5);
  Kill();
  StartAndOpen();
  CHECK(MustAudit().intake == IntakeTotals{17, 0, 2, 0, 0});
  CHECK(MustAudit().ledger.committed == 14);
  CHECK(MustAudit().ledger.refused == 1);
  // What was committed after the last save ended when that was.
  if (saved) CHECK(pipeline->ended_last_hour() == EndedRows::Counts{14, 1});
  CHECK(CountsBalance());
  Kill();
  StartAndOpen();
  CHECK(MustAudit().intake == IntakeTotals{17, 0, 2, 0, 0});
}

TEST_CASE_METHOD(PipelineLedgerTest, "Requests that the journal has not synced are not saved") {
  StartAndOpen();
  SubmitNumbered("a", 1, 1, 10);
  Save();
  journal_disk.FailAlways("sync");
  REQUIRE(Submit("b", 11, 5).ok());
  for (int i = 0; i < 3; ++i) pipeline->SaveLedger();
  Kill();
  journal_disk.FailAlways("");
  StartAndOpen();
  CHECK(MustAudit().intake == IntakeTotals{11, 0, 1, 0, 0});
}

TEST_CASE_METHOD(PipelineLedgerTest, "A letter that is replayed no longer tells of the last hour") {
  StartAndOpen();
  database.Then(Refuse(3));
  REQUIRE(Submit("a", 1, 10).ok());
  RunToAnswer("a");
  CHECK(pipeline->ended_last_hour() == EndedRows::Counts{9, 1});
  const std::vector<uint64_t> ids = {pipeline->letters()->List({})->letters.front().letter.id};
  REQUIRE(pipeline->FinishReplays(ids).ok());
  CHECK(pipeline->ended_last_hour() == EndedRows::Counts{9, 0});
  REQUIRE(pipeline->FinishReplays(ids).ok());
  CHECK(pipeline->ended_last_hour() == EndedRows::Counts{9, 0});
}

TEST_CASE_METHOD(PipelineLedgerTest, "Exclusive rows are digested as they are committed") {
  options.exclusive = true;
  database.SetDescribed(TestTableAB(Conflict::kInsert));
  StartAndOpen();
  database.ThenInDoubt(true, Refuse(3));
  REQUIRE(Submit("a", 1, 10).ok());
  RunToAnswer("a");
  REQUIRE(Submit("b", 20, 2).ok());
  RunToAnswer("b");
  CHECK(MustAudit().verdict == Verdict::kOk);
  CHECK(MustAudit().digest == AuditReport::Digest::kEqual);
  CHECK(MustAudit().ledger.digested == 11);
  Stop();
  options.exclusive = false;
  StartAndOpen();
  REQUIRE(Submit("c", 30, 1).ok());
  RunToAnswer("c");
  CHECK(MustAudit().verdict == Verdict::kOk);
  Stop();
  options.exclusive = true;
  StartAndOpen();
  CHECK(MustAudit().digest == AuditReport::Digest::kPartial);
  CHECK(MustAudit().verdict == Verdict::kOk);
}

}  // namespace
}  // namespace batchsql
