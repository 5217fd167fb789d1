#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/dead_letters/dead_letters.h"
#include "core/dead_letters/letter_space.h"
#include "core/dead_letters/target_letters.h"
#include "tests/core/pipeline_fixture.h"
#include "tests/support/faulty_env.h"

namespace batchsql {

// A pipeline over a FakeDatabase, with a journal and dead letters, each on a disk of its own; or
// without a journal and with dead letters in the target.
class LettersPipelineTest : public PipelineTest {
 protected:
  LettersPipelineTest() {
    for (FaultyEnv* env : {&journal_disk, &letters_disk}) {
      if (!env->MakeDirectory("data").ok() || !env->MakeDirectory("data/letters").ok()) {
        throw std::logic_error("no directory");
      }
    }
    options.batch.linger = {};
  }

  absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(Lsn counted_through = 0) {
    Journal::Options journal;
    journal.directory = "data/journal";
    journal.counted_through = counted_through;
    return Journal::Open(&journal_disk, &disk, &clock, std::move(journal));
  }
  // Opens what the disks hold, as a new process does.
  void Start() {
    space = std::make_unique<LetterSpace>(&letters_disk, "data/letters", letters_bytes_max);
    if (!with_journal) {
      pipeline = std::make_unique<Pipeline>(
          options, target.get(), pipeline_metrics, &clock, &budget, nullptr,
          std::make_unique<TargetLetters>(target.get(), options.id, &space->budget()));
      return;
    }
    auto ledger = *LedgerFile::Open(&journal_disk, "data/journal");
    auto journal = OpenJournal(ledger->saved().value_or(LedgerRecord()).through);
    auto letters = DeadLetters::Open(&letters_disk, space.get(), {"data/letters/t", 8'192, 8'192});
    if (!journal.ok() || !letters.ok()) throw std::logic_error("the disks cannot be read");
    pipeline =
        std::make_unique<Pipeline>(options, target.get(), pipeline_metrics, &clock, &budget,
                                   std::move(journal), *std::move(letters), std::move(ledger));
  }
  void StartAndOpen() {
    Start();
    if (!Open().ok()) throw std::logic_error("the fake database did not open");
  }
  // Ends the pipeline at once, as a shutdown whose deadline is over.
  void Stop() { pipeline.reset(); }

  // Moves the time on until it is so.
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) {
      clock.Advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  }
  RequestOutcome RunToAnswer(const std::string& request) {
    RunUntil([&] { return answers.Has(request); });
    return answers.Await(request);
  }

  // Waits until rows do not fit the table as it was altered, and decides on them.
  void ReconcileWhenDue() {
    RunUntil([&] { return !pipeline->status().drift.empty(); });
    if (!pipeline->Reconcile({}).ok()) throw std::logic_error("no decision was taken");
  }

  // An answer of the database: rows with this id are refused, the others committed.
  static FakeDatabase::Answer Refuse(int64_t id) {
    return [id](const WritePlan& plan) {
      WriteOutcome outcome = FakeDatabase::Committed(plan);
      for (uint32_t block = 0; block < plan.blocks.size(); ++block) {
        for (uint32_t row = 0; row < plan.blocks[block]->rows(); ++row) {
          if (plan.blocks[block]->column(0).i64(row) != id) continue;
          outcome.failures.push_back(
              {{block, row}, {ErrorClass::kRow, "23514", "", RejectReason::kConstraint, "a"}});
        }
      }
      return outcome;
    };
  }

  // The live letters' rows, as "code id=… a=…".
  Strings Letters(bool replayed = false) {
    LetterQuery query;
    query.replayed = replayed;
    const absl::StatusOr<LetterStore::Page> page = pipeline->letters()->List(query);
    if (!page.ok()) throw std::logic_error(std::string(page.status().message()));
    Strings rows;
    for (const LetterStore::Kept& kept : page->letters) {
      std::string row = kept.letter.code;
      for (const LetterCell& cell : kept.letter.cells) {
        row += " " + cell.column + "=" +
               (cell.is_null ? "NULL" : std::to_string(static_cast<int64_t>(cell.fixed)));
      }
      rows.push_back(row);
    }
    return rows;
  }

  // Sides of the promise that no row vanishes in silence.
  bool CountsBalance() const {
    const PipelineStatus status = pipeline->status();
    return status.received_rows + status.recovered_rows + status.replayed_rows ==
           status.rejected_rows + status.deduplicated_rows + status.coalesced_rows +
               status.committed_rows + status.dead_lettered_rows + status.lost_rows +
               status.queued_rows;
  }

  bool with_journal = true;  // false: the letters are in the target
  FaultyEnv journal_disk;
  FaultyEnv letters_disk;
  DiskBudget disk{uint64_t{1} << 40};
  uint64_t letters_bytes_max = uint64_t{1} << 30;
  std::unique_ptr<LetterSpace> space;

  ~LettersPipelineTest() { pipeline.reset(); }
};

}  // namespace batchsql
