#include <catch2/catch.hpp>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

// One flush at a time, of a database that holds it. Time stands still, so that nothing is synced
// because it has waited long enough.
class PipelineGatherTest : public LettersPipelineTest {
 protected:
  PipelineGatherTest() {
    StartAndOpen();
    journal_disk.OnSync([this] {
      MutexLock lock(mutex_);
      ++syncs_;
      changed_.NotifyAll();
    });
    database.Hold();
  }
  ~PipelineGatherTest() {
    database.Release();
    pipeline.reset();
    journal_disk.OnSync(nullptr);
  }

  // A batch of ten rows in the database, and one that is queued.
  void FillQueue() {
    REQUIRE(Submit("written", 1, 10).ok());
    database.AwaitHeld(1);
    const uint64_t bytes = pipeline->status().queued_bytes;
    REQUIRE(Submit("queued", 11, 10).ok());
    while (pipeline->status().queued_bytes == bytes) std::this_thread::yield();
  }

  // Requests that gather in the journal.
  void Gather() {
    const int before = syncs();
    REQUIRE(Submit("first", 21).ok());
    REQUIRE(Submit("second", 22).ok());
    clock.AwaitDeadline(clock.Now() + Journal::kGatherTime);
    CHECK(syncs() == before);
  }

  int syncs() {
    MutexLock lock(mutex_);
    return syncs_;
  }
  bool SyncsReach(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    MutexLock lock(mutex_);
    while (syncs_ < count && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitUntil(mutex_, deadline);
    }
    return syncs_ >= count;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int syncs_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_CASE_METHOD(PipelineGatherTest, "Rows behind a full batch share a sync when it is taken") {
  FillQueue();
  Gather();
  const int before = syncs();
  database.Release();
  CHECK(answers.ArrivesWithin("second", std::chrono::seconds(30)));
  CHECK(answers.order() == Strings{"written", "queued", "first", "second"});
  CHECK(syncs() == before + 1);
}

TEST_CASE_METHOD(PipelineGatherTest,
                 "Rows behind a flush that waits for a connection share a sync when it has one") {
  std::vector<Target::Lease> leases;
  for (uint32_t i = 0; i < target->connections_max(); ++i) leases.push_back(target->Acquire());
  REQUIRE(Submit("waiting", 1).ok());
  while (pipeline->status().inflight_flushes == 0) std::this_thread::yield();
  Gather();
  const int before = syncs();
  leases.clear();
  CHECK(SyncsReach(before + 1));  // while that flush is under way
  CHECK_FALSE(answers.Has("waiting"));
  database.Release();
  CHECK(answers.ArrivesWithin("second", std::chrono::seconds(30)));
}

TEST_CASE_METHOD(PipelineGatherTest, "Who waits for the journal alone ends the gathering") {
  FillQueue();
  Gather();
  const int before = syncs();
  REQUIRE(Submit("journal", 23, 1, AckLevel::kJournal).ok());
  CHECK(SyncsReach(before + 1));
}

TEST_CASE_METHOD(PipelineGatherTest, "Who repeats a request that gathers ends the gathering") {
  FillQueue();
  Gather();
  const int before = syncs();
  for (const char* request : {"original", "repeated"}) {
    QueuedBlock block = Block(request, {{{"id", Value::Int(23)}}});
    block.answer.producer_id = "p";
    block.answer.sequence = 1;
    const auto submitted = pipeline->Submit(std::move(block));
    REQUIRE(submitted.ok());
  }
  CHECK(SyncsReach(before + 1));
}

}  // namespace
}  // namespace batchsql
