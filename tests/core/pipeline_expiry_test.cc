#include <catch2/catch.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using std::chrono::hours;

uint64_t NowMs() { return static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())); }

// Producers are remembered for a week and looked through each hour. Ten rows are flushed at once,
// fewer wait.
class ExpiryTest : public LettersPipelineTest {
 protected:
  ExpiryTest() {
    options.batch.linger = hours(1000);
    options.producer_memory = hours(7 * 24);
  }

  // A producer's request of so many rows.
  QueuedBlock Request(const std::string& producer, uint64_t sequence, uint64_t time_ms,
                      int64_t rows = 10) {
    std::vector<TestRow> cells;
    for (int64_t id = 0; id < rows; ++id) cells.push_back({{"id", Value::Int(id)}});
    QueuedBlock block = Block(producer, cells);
    block.answer.producer_id = producer;
    block.answer.sequence = sequence;
    block.answer.digest = DigestOf(std::to_string(sequence));
    block.answer.time_ms = time_ms;
    return block;
  }
  // Returns when its rows are committed.
  void Write(const std::string& producer, uint64_t sequence, uint64_t time_ms) {
    REQUIRE(pipeline->Submit(Request(producer, sequence, time_ms)).ok());
    CHECK(answers.Await(producer).status.ok());
  }

  Strings Known(const std::string& after = "", size_t limit = 100) {
    Strings ids;
    for (const Pipeline::KnownProducer& producer : pipeline->ListProducers(after, limit)) {
      ids.push_back(producer.producer_id + (producer.waiting ? " waits" : ""));
    }
    return ids;
  }
};

TEST_CASE_METHOD(ExpiryTest, "A producer that has been silent for long is forgotten, for good") {
  StartAndOpen();
  Write("silent", 5, 1);
  Write("fresh", 7, NowMs());
  CHECK(Known() == Strings{"fresh", "silent"});
  clock.Advance(hours(1));
  RunUntil([&] { return Known() == Strings{"fresh"}; });
  CHECK(LastSequence(*pipeline, "silent") == 0);
  CHECK(LastSequence(*pipeline, "fresh") == 7);
  Stop();
  Start();
  CHECK(Known() == Strings{"fresh waits"});  // not claimed yet: nothing is known to be committed
  REQUIRE(Open().ok());
  CHECK(Known() == Strings{"fresh"});
}

TEST_CASE_METHOD(ExpiryTest, "A producer whose rows wait is neither expired nor removed") {
  StartAndOpen();
  Write("silent", 1, 1);
  REQUIRE(pipeline->Submit(Request("waiting", 1, 1, 1)).ok());
  clock.Advance(hours(1));
  RunUntil([&] { return Known() == Strings{"waiting waits"}; });
  const Strings ids = {"waiting", "nobody"};
  const Pipeline::Forgotten result = pipeline->ForgetProducers(ids);
  CHECK(result.forgotten == 0);
  CHECK(result.waiting == Strings{"waiting"});
  CHECK(result.unknown == Strings{"nobody"});
  pipeline->Drain(clock.Now() + hours(1));
  CHECK(Known() == Strings{"waiting"});
}

TEST_CASE_METHOD(ExpiryTest, "Producers are listed page by page, without replays of letters") {
  StartAndOpen();
  for (const char* producer : {"c", "a", "dlq:other:1", "dlq:other:2", "e", "b"}) {
    Write(producer, 1, NowMs());
  }
  CHECK(Known() == Strings{"a", "b", "c", "e"});
  CHECK(Known("", 2) == Strings{"a", "b"});
  CHECK(Known("b", 2) == Strings{"c", "e"});
  CHECK(Known("c", 1) == Strings{"e"});
  CHECK(Known("e").empty());
  CHECK(pipeline->ForgetProducers(Strings{"dlq:other:1"}).forgotten == 0);
}

TEST_CASE_METHOD(ExpiryTest, "A producer that was removed begins anew with any sequence") {
  StartAndOpen();
  Write("p", 41, NowMs());
  CHECK(pipeline->Submit(Request("p", 3, NowMs())).status().code() ==
        absl::StatusCode::kOutOfRange);
  CHECK(pipeline->ForgetProducers(Strings{"p"}).forgotten == 1);
  CHECK(Known().empty());
  REQUIRE(pipeline->Submit(Request("p", 3, NowMs())).ok());
  RunUntil([&] { return database.writes().size() == 2; });
  CHECK(LastSequence(*pipeline, "p") == 3);
  CHECK(pipeline->status().skipped_requests == 0);
  Stop();
  Start();
  CHECK(LastSequence(*pipeline, "p") == 3);
}

}  // namespace
}  // namespace batchsql
