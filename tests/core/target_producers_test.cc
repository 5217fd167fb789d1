#include "core/target_producers.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/batcher.h"

namespace batchsql {
namespace {

using Strings = std::vector<std::string>;

QueuedBlock Request(const std::string& producer_id, uint64_t sequence, Lsn lsn = 0) {
  QueuedBlock block;
  block.answer.producer_id = producer_id;
  block.answer.sequence = sequence;
  block.answer.first_lsn = block.answer.last_lsn = lsn;
  return block;
}

// "p 2-5", by producer.
Strings Texts(const std::vector<ProducerRange>& ranges) {
  Strings texts;
  for (const ProducerRange& range : ranges) {
    texts.push_back(range.producer_id + " " + std::to_string(range.first) + "-" +
                    std::to_string(range.last));
  }
  return texts;
}

Strings Texts(const std::vector<ProducerMove>& moves) {
  Strings texts;
  for (const ProducerMove& move : moves) {
    texts.push_back(move.producer_id + " " + std::to_string(move.before) + "-" +
                    std::to_string(move.after));
  }
  return texts;
}

TEST_CASE("A batch's ranges leave out requests without a number, and replayed letters") {
  std::vector<QueuedBlock> blocks;
  blocks.push_back(Request("p", 2));
  blocks.push_back(Request("", 0));
  blocks.push_back(Request("q", 7));
  blocks.push_back(Request("dlq:1", 1));
  blocks.push_back(Request("p", 5));
  CHECK(Texts(ProducerRanges(blocks)) == Strings{"p 2-5", "q 7-7"});
  CHECK(ProducerRanges({}).empty());
}

TEST_CASE("What is not known, is in doubt, or is not behind the flush is read first") {
  TargetProducers producers;
  producers.Learn("known", 3);
  producers.Learn("passed", 5);
  producers.Learn("doubted", 3);
  producers.Doubt(std::vector<ProducerMove>{{"doubted", 3, 4}});
  const std::vector<ProducerRange> ranges = {
      {"known", 4, 6}, {"passed", 5, 6}, {"doubted", 4, 4}, {"new", 1, 1}};
  CHECK(producers.MustRead(ranges) == Strings{"passed", "doubted", "new"});
  producers.Refresh("passed", 5);
  producers.Refresh("doubted", 9);
  producers.Refresh("new", 0);
  CHECK(Texts(producers.Moves(ranges)) == Strings{"known 3-6", "passed 5-6", "new 0-1"});
}

TEST_CASE("A commit makes the moves' ends known") {
  TargetProducers producers;
  producers.Committed(std::vector<ProducerMove>{{"p", 0, 4}});
  CHECK(producers.position("p") == 4);
  CHECK(producers.MustRead(std::vector<ProducerRange>{{"p", 5, 5}}).empty());
  CHECK_FALSE(producers.position("q").has_value());
  producers.Clear();
  CHECK_FALSE(producers.position("p").has_value());
}

TEST_CASE("A position that is in doubt is good enough to answer by") {
  TargetProducers producers;
  producers.Learn("p", 3);
  producers.Doubt(std::vector<ProducerMove>{{"p", 3, 4}});
  CHECK(producers.position("p") == 3);
}

TEST_CASE("A look beside a flush does not undo what the flush knows") {
  TargetProducers producers;
  const std::vector<ProducerRange> flush = {{"p", 4, 5}};
  producers.Learn("p", 3);
  producers.Hold(flush);
  producers.Committed(std::vector<ProducerMove>{{"p", 3, 5}});
  producers.Learn("p", 3);  // was read before the commit
  CHECK(producers.position("p") == 5);
  producers.Learn("p", 8);
  CHECK(producers.position("p") == 8);
  producers.Release(flush);
  producers.Learn("p", 2);  // a person deleted its row
  CHECK(producers.position("p") == 2);
}

TEST_CASE("Producers that no flush holds are forgotten beyond a number of them") {
  TargetProducers producers;
  producers.Hold(std::vector<ProducerRange>{{"held", 1, 1}});
  producers.Refresh("held", 0);
  for (size_t i = 1; i < TargetProducers::kKnownMax; ++i) producers.Learn(std::to_string(i), i);
  CHECK(producers.position("1") == 1);
  producers.Learn("one more", 1);
  CHECK_FALSE(producers.position("1").has_value());
  CHECK(producers.position("held") == 0);
  CHECK(producers.position("one more") == 1);
}

TEST_CASE("A batch ends before a request whose producer another flush holds") {
  Batcher batcher({100, 1'000'000, std::chrono::milliseconds(20)});
  TargetProducers in_flight;
  in_flight.Hold(std::vector<ProducerRange>{{"held", 1, 1}});
  Lsn lsn = 0;
  for (const char* producer : {"p", "q", "p", "held", "r"}) {
    batcher.Add(Request(producer, lsn + 1, lsn + 1));
    ++lsn;
  }
  const Batch first = batcher.Take(&in_flight);
  CHECK(first.blocks.size() == 3);
  CHECK(batcher.Take(&in_flight).blocks.empty());
  CHECK_FALSE(batcher.empty());
  in_flight.Release(std::vector<ProducerRange>{{"held", 1, 1}});
  CHECK(batcher.Take(&in_flight).blocks.size() == 2);
  CHECK(batcher.empty());
}

}  // namespace
}  // namespace batchsql
