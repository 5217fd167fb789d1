// Pipelines that keep their producers' positions in the target.

#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "tests/core/dead_letters/letters_fixture.h"

namespace batchsql {
namespace {

using absl::StatusCode;
using Session = Pipeline::Session;

template <typename Fixture>
class InTarget : public Fixture {
 protected:
  using Strings = std::vector<std::string>;

  template <typename... Arguments>
  explicit InTarget(Arguments&&... arguments) : Fixture(std::forward<Arguments>(arguments)...) {
    this->options.producers_in_target = true;
    this->options.batch.linger = {};
  }

  // A numbered request of one row, whose id is the sequence.
  QueuedBlock Numbered(const std::string& producer_id, uint64_t sequence, uint64_t session = 0) {
    QueuedBlock block = this->Block(producer_id + std::to_string(sequence),
                                    {{{"id", Value::Int(static_cast<int64_t>(sequence))}}});
    block.answer.producer_id = producer_id;
    block.answer.sequence = sequence;
    block.answer.digest = DigestOf(std::to_string(sequence));
    block.session = session;
    return block;
  }
  // As long as it is only asked about.
  QueuedBlock Asked(const std::string& producer_id, uint64_t sequence) {
    QueuedBlock block = Numbered(producer_id, sequence);
    block.receipt.Dismiss();
    return block;
  }
  absl::Status Write(const std::string& producer_id, uint64_t sequence) {
    return this->pipeline->Submit(Numbered(producer_id, sequence)).status();
  }
  absl::Status LookUp(const std::string& producer_id) {
    return Await<absl::Status>([&](auto done) {
      this->pipeline->LookUp(producer_id, [done](const absl::Status& status) { done(status); });
    });
  }
  absl::StatusOr<Session> OpenSession(const std::string& producer_id) {
    return Await<absl::StatusOr<Session>>([&](auto done) {
      this->pipeline->OpenSession(
          producer_id, [done](absl::StatusOr<Session> session) { done(std::move(session)); });
    });
  }
  // What another daemon does.
  void Move(const std::string& producer_id, uint64_t sequence) {
    this->database.SetProducer(this->options.table, producer_id, sequence);
  }
  uint64_t position(const std::string& producer_id) {
    return this->database.producer(this->options.table, producer_id);
  }
  // "p 0-2", of one write.
  Strings Moves(size_t write) {
    Strings moves;
    const RecordedWrite written = this->database.writes().at(write);
    for (const ProducerMove& move : written.progress.producers) {
      moves.push_back(move.producer_id + " " + std::to_string(move.before) + "-" +
                      std::to_string(move.after));
    }
    return moves;
  }
  template <typename Condition>
  void AdvanceUntil(Condition condition) {
    while (!condition()) {
      this->clock.Advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  }
  bool Balanced() const {
    const PipelineStatus status = this->pipeline->status();
    return status.received_rows + status.recovered_rows + status.replayed_rows ==
           status.rejected_rows + status.deduplicated_rows + status.coalesced_rows +
               status.committed_rows + status.dead_lettered_rows + status.lost_rows +
               status.queued_rows;
  }

 private:
  template <typename T, typename Ask>
  static T Await(Ask ask) {
    struct Answer {
      Mutex mutex;
      CondVar changed;
      std::optional<T> value;
    };
    const auto answer = std::make_shared<Answer>();
    ask([answer](T value) {
      MutexLock lock(answer->mutex);
      answer->value = std::move(value);
      answer->changed.NotifyAll();
    });
    MutexLock lock(answer->mutex);
    while (!answer->value.has_value()) answer->changed.Wait(answer->mutex);
    return *answer->value;
  }
};

class ProducersTest : public InTarget<PipelineTest> {};

class AppendingProducersTest : public InTarget<PipelineTest> {
 protected:
  AppendingProducersTest() : InTarget(TestTableAB(Conflict::kInsert)) { options.flushers = 2; }
};

class JournaledProducersTest : public InTarget<LettersPipelineTest> {};

TEST_CASE_METHOD(ProducersTest, "A flush moves its producers, each to its last request") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  REQUIRE(LookUp("q").ok());
  database.Hold();
  REQUIRE(Write("p", 1).ok());
  database.AwaitHeld(1);
  REQUIRE(Write("p", 2).ok());
  REQUIRE(Write("q", 1).ok());
  REQUIRE(Write("p", 3).ok());
  database.Release();
  CHECK(answers.Await("p3").status.ok());
  CHECK(Moves(0) == Strings{"p 0-1"});
  CHECK(Moves(1) == Strings{"p 1-3", "q 0-1"});
  CHECK(position("p") == 3);
  CHECK(database.producer_reads().size() == 2);  // by the lookups: a flush knows what they know
}

TEST_CASE_METHOD(ProducersTest, "Requests without a number move nobody") {
  MakeAndOpen();
  REQUIRE(Submit("a", 1).ok());
  CHECK(answers.Await("a").status.ok());
  CHECK(Moves(0).empty());
  CHECK(database.producer_reads().empty());
}

TEST_CASE_METHOD(ProducersTest, "What another daemon wrote meanwhile is not written again") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  database.Hold();
  REQUIRE(Write("p", 1).ok());
  database.AwaitHeld(1);
  for (uint64_t sequence = 2; sequence <= 5; ++sequence) REQUIRE(Write("p", sequence).ok());
  Move("p", 3);
  database.Release();
  for (const char* request : {"p1", "p2", "p3", "p4", "p5"}) {
    const RequestOutcome outcome = answers.Await(request);
    CHECK(outcome.status.ok());
    CHECK(outcome.rejected.empty());
  }
  CHECK(database.table() == Strings{"id=4", "id=5"});
  CHECK(position("p") == 5);
  CHECK(pipeline->status().deduplicated_rows == 3);
  CHECK(pipeline->status().committed_rows == 2);
  CHECK(pipeline->status().queued_rows == 0);
  CHECK(Balanced());
}

TEST_CASE_METHOD(ProducersTest, "A failure that repeats asks the target each time where it is") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  // As a unique key answers rows that another daemon wrote: before any producer is moved.
  database.Then([this](const WritePlan&) {
    Move("p", 1);
    return WriteOutcome{
        WriteOutcome::Kind::kNotCommitted, {ErrorClass::kPause, "row_flood", ""}, {}, 0};
  });
  REQUIRE(Write("p", 1).ok());
  database.AwaitWrites(1);
  clock.AdvanceToNextDeadline();
  CHECK(answers.Await("p1").status.ok());
  CHECK(database.table().empty());
  CHECK(pipeline->status().deduplicated_rows == 1);
  CHECK(Balanced());
}

TEST_CASE_METHOD(ProducersTest, "A commit without an answer that took place has moved them") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  database.ThenInDoubt(/*committed=*/true);
  REQUIRE(Write("p", 1).ok());
  CHECK(answers.Await("p1").status.ok());
  REQUIRE(Write("p", 2).ok());
  CHECK(answers.Await("p2").status.ok());
  CHECK(Moves(1) == Strings{"p 1-2"});
  CHECK(database.table() == Strings{"id=1", "id=2"});
}

TEST_CASE_METHOD(ProducersTest, "A sequence that another daemon committed is never taken") {
  MakeAndOpen();
  Move("p", 7);
  Receipt receipt(answers.For("old"));
  CHECK(pipeline->MustLookUp(Asked("p", 8)));
  CHECK(pipeline->FindRepeated(Asked("p", 8), receipt).status().code() == StatusCode::kUnavailable);
  REQUIRE(LookUp("p").ok());
  for (const uint64_t sequence : {1, 7}) {
    const absl::Status status = Write("p", sequence);
    CHECK(status.code() == StatusCode::kOutOfRange);
    CHECK(status.message().find("is committed") != std::string::npos);
  }
  CHECK(Write("p", 9).code() == StatusCode::kFailedPrecondition);
  REQUIRE(Write("p", 8).ok());
  CHECK(answers.Await("p8").status.ok());
  CHECK(database.table() == Strings{"id=8"});
  // The answer is held here: it is repeated.
  REQUIRE(Write("p", 8).ok());
  CHECK(database.table() == Strings{"id=8"});
}

TEST_CASE_METHOD(ProducersTest, "A gap is looked up: what misses may be another daemon's") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  REQUIRE(Write("p", 1).ok());
  answers.Await("p1");
  CHECK_FALSE(pipeline->MustLookUp(Asked("p", 1)));
  CHECK_FALSE(pipeline->MustLookUp(Asked("p", 2)));
  CHECK(pipeline->MustLookUp(Asked("p", 4)));
  Move("p", 3);
  REQUIRE(LookUp("p").ok());
  REQUIRE(Write("p", 4).ok());
  CHECK(answers.Await("p4").status.ok());
  CHECK(Moves(1) == Strings{"p 3-4"});
}

TEST_CASE_METHOD(ProducersTest,
                 "A session begins where the target or the pipeline is, and fences") {
  MakeAndOpen();
  Move("p", 5);
  const absl::StatusOr<Session> first = OpenSession("p");
  REQUIRE(first.ok());
  CHECK(first->last_sequence == 5);
  CHECK(first->committed_sequence == 5);
  database.Hold();
  REQUIRE(pipeline->Submit(Numbered("p", 6, first->id)).ok());
  const absl::StatusOr<Session> second = OpenSession("p");
  REQUIRE(second.ok());
  CHECK(second->last_sequence == 6);
  CHECK(second->committed_sequence == 5);
  CHECK(pipeline->Submit(Numbered("p", 7, first->id)).status().code() == StatusCode::kAborted);
  database.Release();
  answers.Await("p6");
  Move("p", 9);  // The producer was at another daemon.
  CHECK(OpenSession("p")->last_sequence == 9);
}

TEST_CASE_METHOD(ProducersTest, "A fence stands until the last of a producer's streams has ended") {
  MakeAndOpen();
  const absl::StatusOr<Session> first = OpenSession("p");
  const absl::StatusOr<Session> second = OpenSession("p");
  REQUIRE(second.ok());
  pipeline->CloseSession("p");  // the second's
  CHECK(pipeline->Submit(Numbered("p", 1, first->id)).status().code() == StatusCode::kAborted);
  pipeline->CloseSession("p");
  CHECK(pipeline->Submit(Numbered("p", 1, first->id)).ok());  // nothing is known of either
  answers.Await("p1");
}

TEST_CASE_METHOD(ProducersTest, "Without the database and a journal nobody knows where they are") {
  MakeAndOpen();
  database.SetProducersStatus(absl::UnavailableError("connection refused"));
  const absl::Status status = LookUp("p");
  CHECK(status.code() == StatusCode::kUnavailable);
  CHECK(status.message().find("position") != std::string::npos);
  CHECK(OpenSession("p").status().code() == StatusCode::kUnavailable);
  CHECK(Write("p", 1).code() == StatusCode::kUnavailable);
  database.SetProducersStatus(absl::OkStatus());
  CHECK(OpenSession("p").ok());
  CHECK(Write("p", 1).ok());
  CHECK(answers.Await("p1").status.ok());
  CHECK(Balanced());
}

TEST_CASE_METHOD(ProducersTest, "A flush waits until it can be read where its producers are") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  const bool away = GENERATE(true, false);
  database.Then([this, away](const WritePlan&) {
    database.SetProducersStatus(away ? absl::UnavailableError("connection refused")
                                     : absl::FailedPreconditionError("permission denied"));
    return WriteOutcome{
        WriteOutcome::Kind::kNotCommitted, {ErrorClass::kReconnect, "08006", ""}, {}, 0};
  });
  REQUIRE(Write("p", 1).ok());
  AdvanceUntil([this] { return pipeline->status().last_error == "producers"; });
  CHECK(pipeline->status().state == (away ? PipelineState::kRetrying : PipelineState::kPaused));
  CHECK(database.table().empty());
  database.SetProducersStatus(absl::OkStatus());
  AdvanceUntil([this] { return answers.Has("p1"); });
  CHECK(answers.Await("p1").status.ok());
  CHECK(database.table() == Strings{"id=1"});
  CHECK(Balanced());
}

TEST_CASE_METHOD(ProducersTest, "A producer that others keep moving is written after a wait") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  for (int i = 0; i < 3; ++i) {
    database.Then([](const WritePlan&) {
      return WriteOutcome{
          WriteOutcome::Kind::kProducerMoved, {ErrorClass::kRetry, "producer_moved", ""}, {}, 0};
    });
  }
  REQUIRE(Write("p", 1).ok());
  AdvanceUntil([this] { return answers.Has("p1"); });
  CHECK(answers.Await("p1").status.ok());
  CHECK(database.writes().size() == 4);
  CHECK(database.table() == Strings{"id=1"});
  CHECK(Moves(3) == Strings{"p 0-1"});
}

TEST_CASE_METHOD(ProducersTest, "A sequence that comes again with other rows is refused") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  REQUIRE(Write("p", 1).ok());
  answers.Await("p1");
  QueuedBlock other = Numbered("p", 1);
  other.answer.digest = DigestOf("other rows");
  const absl::Status status = pipeline->Submit(std::move(other)).status();
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK(status.message().find("with other rows") != std::string::npos);
  CHECK(database.table() == Strings{"id=1"});
}

TEST_CASE_METHOD(ProducersTest, "A drain answers who still asks") {
  MakeAndOpen();
  pipeline->Drain(clock.Now());
  CHECK(OpenSession("p").status().code() == StatusCode::kUnavailable);
}

TEST_CASE_METHOD(AppendingProducersTest, "A producer is in one flush at a time, in order") {
  MakeAndOpen();
  REQUIRE(LookUp("p").ok());
  REQUIRE(LookUp("q").ok());
  database.Hold();
  REQUIRE(Write("p", 1).ok());
  database.AwaitHeld(1);
  REQUIRE(Write("q", 1).ok());
  database.AwaitHeld(2);  // another producer's: beside it
  REQUIRE(Write("p", 2).ok());
  REQUIRE(Write("q", 2).ok());
  CHECK(database.writes().size() == 2);
  database.Release();
  CHECK(answers.Await("p2").status.ok());
  CHECK(answers.Await("q2").status.ok());
  CHECK(position("p") == 2);
  CHECK(position("q") == 2);
  for (const RecordedWrite& write : database.writes()) CHECK(write.committed);
}

TEST_CASE_METHOD(AppendingProducersTest, "Many producers and two flushers write each row once") {
  options.batch.rows_max = 4;
  MakeAndOpen();
  std::vector<std::thread> threads;
  for (const std::string producer : {"a", "b", "c", "d"}) {
    REQUIRE(LookUp(producer).ok());
    threads.emplace_back([this, producer] {
      for (uint64_t sequence = 1; sequence <= 50; ++sequence) {
        if (!Write(producer, sequence).ok()) throw std::logic_error("refused");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string producer : {"a", "b", "c", "d"}) {
    CHECK(answers.Await(producer + "50").status.ok());
    CHECK(position(producer) == 50);
  }
  CHECK(database.table().size() == 200);
  CHECK(Balanced());
}

TEST_CASE_METHOD(JournaledProducersTest, "While the database is away the journal answers") {
  StartAndOpen();
  REQUIRE(OpenSession("p").ok());
  REQUIRE(Write("p", 1).ok());
  RunToAnswer("p1");
  Stop();
  Start();  // Not opened: what it knows is the journal's.
  database.SetProducersStatus(absl::UnavailableError("connection refused"));
  const absl::StatusOr<Session> session = OpenSession("p");
  REQUIRE(session.ok());
  CHECK(session->last_sequence == 1);
  CHECK(session->committed_sequence == 0);
  CHECK(LookUp("p").ok());
  CHECK(pipeline->Submit(Numbered("p", 2, session->id)).ok());
  CHECK(OpenSession("q").status().code() == StatusCode::kUnavailable);
  // Another daemon took the same requests before this one could write them.
  Move("p", 3);
  database.SetProducersStatus(absl::OkStatus());
  REQUIRE(Open().ok());
  CHECK(RunToAnswer("p2").status.ok());
  CHECK(database.table() == Strings{"id=1"});
  CHECK(OpenSession("p")->last_sequence == 3);
  CHECK(CountsBalance());
}

TEST_CASE_METHOD(JournaledProducersTest, "A target that moved back gets again what was left out") {
  StartAndOpen();
  const std::vector<SlotRow> before = database.slots(pipeline->id());
  REQUIRE(OpenSession("p").ok());
  REQUIRE(Write("p", 1).ok());
  RunToAnswer("p1");
  REQUIRE(Write("p", 2).ok());
  RunToAnswer("p2");
  // Restored from a backup, with its rows, slots and producers.
  std::vector<SlotRow> restored = database.slots(pipeline->id());
  for (SlotRow& row : restored) {
    const uint64_t epoch = row.epoch;
    row = before.at(row.slot);
    row.epoch = epoch;
  }
  database.SetSlots(pipeline->id(), restored);
  Move("p", 0);
  REQUIRE(Write("p", 3).ok());
  CHECK(RunToAnswer("p3").status.ok());
  RunUntil([&] { return position("p") == 3; });
  CHECK(database.table() == Strings{"id=1", "id=2", "id=1", "id=2", "id=3"});
  CHECK(CountsBalance());
}

}  // namespace
}  // namespace batchsql
