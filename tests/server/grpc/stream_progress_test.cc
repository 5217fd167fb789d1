#include "server/grpc/stream_progress.h"

#include <catch2/catch.hpp>
#include <random>

namespace batchsql {
namespace {

RowRejection Rejection(uint32_t row) { return {row, "a", RejectReason::kNull, ""}; }
RequestOutcome Committed(std::vector<RowRejection> refused = {}) {
  return {absl::OkStatus(), std::move(refused)};
}

TEST_CASE("Marks move over what is complete from the front, whatever comes first") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  for (uint64_t number = 5; number <= 7; ++number) {
    progress.Begin(number);
    progress.Taken(number, IntakeResult{10, {}, true});
  }
  CHECK_FALSE(progress.HasNews());
  progress.Reached(7, AckLevel::kDatabase, Committed());
  progress.Reached(6, AckLevel::kDatabase, Committed());
  CHECK_FALSE(progress.HasNews());
  CHECK_FALSE(progress.AllReached());
  progress.Reached(5, AckLevel::kDatabase, Committed());
  REQUIRE(progress.HasNews());
  const v1::WriteStreamResponse news = progress.TakeNews();
  CHECK(news.accepted_through() == 7);
  CHECK(news.committed_through() == 7);
  CHECK(news.rows_committed() == 30);
  CHECK(progress.outstanding() == 0);
  CHECK(progress.AllReached());
  CHECK_FALSE(progress.HasNews());
}

TEST_CASE("The pipeline's word may come before validation's") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  progress.Begin(1);
  progress.Reached(1, AckLevel::kDatabase, Committed({Rejection(3)}));
  CHECK_FALSE(progress.HasNews());
  progress.Taken(1, IntakeResult{10, {Rejection(0)}, true});
  REQUIRE(progress.HasNews());
  const v1::WriteStreamResponse news = progress.TakeNews();
  CHECK(news.rows_committed() == 9);
  int rows = 0;
  for (const v1::RejectedRows& rejected : news.rejected()) {
    CHECK(rejected.sequence() == 1);
    rows += rejected.rows_size();
  }
  CHECK(rows == 2);
}

TEST_CASE("Refused rows are told once, with their request and their reason") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  progress.Begin(1);
  progress.Taken(1, IntakeResult{2, {Rejection(1)}, true});
  progress.Begin(2);
  progress.Taken(2, IntakeResult{0, {Rejection(0)}, false});  // nothing was queued
  progress.Reached(1, AckLevel::kDatabase, Committed({Rejection(2)}));
  const v1::WriteStreamResponse news = progress.TakeNews();
  REQUIRE(news.rejected_size() == 3);
  CHECK(news.rejected(0).rows(0).row() == 1);
  CHECK(news.rejected(0).rows(0).field() == "a");
  CHECK(news.rejected(0).rows(0).reason() == v1::REJECT_REASON_NULL);
  CHECK(news.committed_through() == 2);
  CHECK(news.rows_committed() == 1);
  CHECK(progress.TakeNews().rejected_size() == 0);
}

TEST_CASE("At level MEMORY the client waits for validation, and still hears of the commit") {
  StreamProgress progress(AckLevel::kMemory, false, 0);
  progress.Begin(1);
  progress.Taken(1, IntakeResult{1, {}, true});
  REQUIRE(progress.HasNews());
  CHECK(progress.AllReached());
  CHECK(progress.TakeNews().committed_through() == 0);
  progress.Reached(1, AckLevel::kDatabase, Committed());
  CHECK(progress.HasNews());
  const v1::WriteStreamResponse news = progress.TakeNews();
  CHECK(news.accepted_through() == 1);
  CHECK(news.committed_through() == 1);
}

TEST_CASE("A failed request stops the marks, keeps its status, and lets the stream end") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  for (uint64_t number = 1; number <= 3; ++number) progress.Begin(number);
  progress.Taken(1, IntakeResult{1, {}, true});
  progress.Taken(2, absl::InvalidArgumentError("bad"));
  progress.Taken(3, IntakeResult{1, {}, true});
  CHECK(progress.failure().code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(progress.AllReached());
  progress.Reached(3, AckLevel::kDatabase, {absl::AbortedError("in doubt"), {}});
  CHECK(progress.failure().code() == absl::StatusCode::kInvalidArgument);  // the first
  progress.Reached(1, AckLevel::kDatabase, Committed());
  const v1::WriteStreamResponse news = progress.TakeNews();
  CHECK(news.accepted_through() == 1);
  CHECK(news.committed_through() == 1);
  CHECK(progress.AllReached());
}

TEST_CASE("A request that failed in the pipeline is not reported as committed") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  progress.Begin(1);
  progress.Taken(1, IntakeResult{5, {}, true});
  progress.Reached(1, AckLevel::kDatabase, {absl::UnavailableError("stopping"), {}});
  CHECK(progress.TakeNews().committed_through() == 0);
  CHECK(progress.failure().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("Words about requests that are unknown, or done, change nothing") {
  StreamProgress progress(AckLevel::kDatabase, false, 0);
  progress.Reached(1, AckLevel::kDatabase, Committed());
  progress.Begin(1);
  progress.Taken(1, IntakeResult{1, {}, true});
  progress.Reached(1, AckLevel::kJournal, Committed());
  CHECK_FALSE(progress.HasNews());
  progress.Reached(1, AckLevel::kDatabase, Committed());
  progress.TakeNews();
  progress.Reached(1, AckLevel::kDatabase, Committed());
  progress.Taken(9, IntakeResult{1, {}, true});
  CHECK_FALSE(progress.HasNews());
  CHECK(progress.TakeNews().rows_committed() == 1);
}

TEST_CASE("In any order of events everything is told exactly once") {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    StreamProgress progress(seed % 2 == 0 ? AckLevel::kDatabase : AckLevel::kMemory, false, 0);
    const uint64_t requests = 1 + random() % 12;
    std::vector<std::pair<uint64_t, bool>> events;  // number, pipeline's word
    for (uint64_t number = 1; number <= requests; ++number) {
      events.emplace_back(number, false);
      events.emplace_back(number, true);
      progress.Begin(number);
    }
    std::shuffle(events.begin(), events.end(), random);
    std::vector<int> told(requests + 1, 0);
    v1::WriteStreamResponse last;
    const auto take = [&] {
      const v1::WriteStreamResponse news = progress.TakeNews();
      REQUIRE(news.accepted_through() >= last.accepted_through());
      REQUIRE(news.committed_through() >= last.committed_through());
      REQUIRE(news.committed_through() <= news.accepted_through());
      for (const v1::RejectedRows& rejected : news.rejected()) {
        told[rejected.sequence()] += rejected.rows_size();
      }
      last = news;
    };
    for (const auto& [number, pipeline] : events) {
      if (pipeline) {
        progress.Reached(number, AckLevel::kDatabase, Committed({Rejection(1)}));
      } else {
        progress.Taken(number, IntakeResult{3, {Rejection(0)}, true});
      }
      if (progress.HasNews() && random() % 2 == 0) take();
    }
    if (progress.HasNews()) take();
    CHECK(last.committed_through() == requests);
    CHECK(last.rows_committed() == requests * 2);
    CHECK(progress.AllReached());
    for (uint64_t number = 1; number <= requests; ++number) CHECK(told[number] == 2);
  }
}

TEST_CASE("The first response alone tells where the producer stands") {
  StreamProgress progress(AckLevel::kDatabase, true, 9, 7);
  const v1::WriteStreamResponse first = progress.TakeNews();
  CHECK(first.last_sequence() == 9);
  CHECK(first.committed_sequence() == 7);
  CHECK(first.committed_through() == 0);
  const v1::WriteStreamResponse second = progress.TakeNews();
  CHECK(second.last_sequence() == 0);
  CHECK(second.committed_sequence() == 0);
}

}  // namespace
}  // namespace batchsql
