// Micro-benchmarks of what happens between the wire and the database: items are rows. The tables of
// MySQL are not among them: their encoder writes through an open connection.

#include <benchmark/benchmark.h>

#include "tests/bench/hot_path.h"

namespace batchsql::bench {
namespace {

constexpr size_t kRows = 10'000;
constexpr size_t kRowsPerMessage = 1000;

void CountRows(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}

std::vector<QueuedBlock> Blocks(HotPath& path) {
  std::vector<QueuedBlock> blocks;
  for (const std::string& message :
       Messages(GeneratedRows(kRows), kRowsPerMessage, RequestForm::kRows)) {
    blocks.push_back(path.Queue(path.Decode(message)));
  }
  return blocks;
}

void Decode(benchmark::State& state, RequestForm form) {
  HotPath path(EventsTable());
  const std::vector<std::string> messages = Messages(GeneratedRows(kRows), kRowsPerMessage, form);
  for (auto _ : state) {
    for (const std::string& message : messages) benchmark::DoNotOptimize(path.Decode(message));
  }
  CountRows(state);
}
BENCHMARK_CAPTURE(Decode, rows, RequestForm::kRows);
BENCHMARK_CAPTURE(Decode, columns, RequestForm::kColumns);

void JournalGroup(benchmark::State& state) {
  HotPath path(EventsTable());
  std::vector<QueuedBlock> blocks = Blocks(path);
  for (auto _ : state) benchmark::DoNotOptimize(path.Seal(blocks));
  CountRows(state);
}
BENCHMARK(JournalGroup);

void BatchAssembly(benchmark::State& state, Conflict conflict) {
  HotPath path(EventsTable(conflict));
  std::vector<QueuedBlock> blocks = Blocks(path);
  for (auto _ : state) {
    Batch batch = path.Assemble(std::move(blocks));
    benchmark::DoNotOptimize(path.Plan(batch));
    blocks = std::move(batch.blocks);
  }
  CountRows(state);
}
BENCHMARK_CAPTURE(BatchAssembly, insert, Conflict::kInsert);
BENCHMARK_CAPTURE(BatchAssembly, update, Conflict::kUpdate);

void EncodeCopy(benchmark::State& state) {
  HotPath path(EventsTable());
  const Batch batch = path.Assemble(Blocks(path));
  const WritePlan plan = path.Plan(batch);
  for (auto _ : state) benchmark::DoNotOptimize(path.Encode(plan));
  CountRows(state);
}
BENCHMARK(EncodeCopy);

}  // namespace
}  // namespace batchsql::bench

BENCHMARK_MAIN();
