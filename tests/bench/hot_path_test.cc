// Counts what a batch allocates on its way from the wire into the bytes for the database.

#include "tests/bench/hot_path.h"

#include <catch2/catch.hpp>

#include "tests/support/counted_allocations.h"

namespace batchsql::bench {
namespace {

constexpr size_t kMessages = 10;

struct Input {
  std::vector<std::string> messages;
  uint64_t bytes = 0;  // that Encode made of them
  uint64_t allocations = 0;
};

Input Make(size_t rows_per_message, RequestForm form) {
  const std::vector<WorkloadRow> rows = GeneratedRows(kMessages * rows_per_message);
  return {Messages(rows, rows_per_message, form)};
}

// One batch: decoded, journaled, assembled, planned, encoded.
void Run(HotPath& path, Input* input) {
  const uint64_t before = AllocationsOfThread();
  std::vector<QueuedBlock> blocks;
  for (const std::string& message : input->messages) {
    blocks.push_back(path.Queue(path.Decode(message)));
  }
  path.Seal(blocks);
  const Batch batch = path.Assemble(std::move(blocks));
  input->bytes = path.Encode(path.Plan(batch));
  input->allocations = AllocationsOfThread() - before;
}

// What the batch may allocate by itself: for each request its block, its record and its place in
// queue, batch and plan; for the batch a few lists that grow.
constexpr uint64_t kPerRequest = 10;
constexpr uint64_t kPerBatch = 60;

void CheckNoneByRow(RequestForm form) {
  HotPath path(EventsTable());
  Input small = Make(500, form);
  Input large = Make(1000, form);
  Run(path, &large);  // fills the scratch memory
  Run(path, &small);
  Run(path, &large);
  CHECK(large.bytes > kMessages * 1000 * 80);
  CHECK(large.allocations >= kMessages);  // it counts
  CHECK(large.allocations == small.allocations);
  CHECK(large.allocations <= kMessages * kPerRequest + kPerBatch);
}

TEST_CASE("A batch of rows allocates for its requests and not for its rows") {
  CheckNoneByRow(RequestForm::kRows);
}

TEST_CASE("A batch of columns allocates for its requests and not for its rows") {
  CheckNoneByRow(RequestForm::kColumns);
}

}  // namespace
}  // namespace batchsql::bench
