// Runs one stage of the hot path once, in a function of its own, so that its instructions can be
// counted from outside (instructions.py). Usage: stages STAGE ROWS.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "tests/bench/hot_path.h"

namespace batchsql::bench {

// What is counted: not inlined, and known by its name.
[[gnu::noinline]] uint64_t CountedStage(const std::function<uint64_t()>& stage) { return stage(); }

namespace {

constexpr size_t kRowsPerMessage = 1000;

std::vector<QueuedBlock> Blocks(HotPath& path, const std::vector<std::string>& messages) {
  std::vector<QueuedBlock> blocks;
  for (const std::string& message : messages) blocks.push_back(path.Queue(path.Decode(message)));
  return blocks;
}

// Once to fill the scratch memory, once to be counted.
void Twice(const std::function<uint64_t()>& stage) {
  stage();
  (void)std::printf("result=%llu\n", static_cast<unsigned long long>(CountedStage(stage)));
}

void CountDecode(const std::vector<WorkloadRow>& rows, RequestForm form) {
  HotPath path(EventsTable());
  const std::vector<std::string> messages = Messages(rows, kRowsPerMessage, form);
  Twice([&] {
    uint64_t bytes = 0;
    for (const std::string& message : messages) bytes += path.Decode(message).size_bytes();
    return bytes;
  });
}

void CountJournal(const std::vector<WorkloadRow>& rows) {
  HotPath path(EventsTable());
  std::vector<QueuedBlock> blocks =
      Blocks(path, Messages(rows, kRowsPerMessage, RequestForm::kRows));
  Twice([&] { return path.Seal(blocks); });
}

void CountAssembly(const std::vector<WorkloadRow>& rows, Conflict conflict) {
  HotPath path(EventsTable(conflict));
  std::vector<QueuedBlock> blocks =
      Blocks(path, Messages(rows, kRowsPerMessage, RequestForm::kRows));
  Twice([&] {
    Batch batch = path.Assemble(std::move(blocks));
    const uint64_t groups = path.Plan(batch).groups.size();
    blocks = std::move(batch.blocks);
    return groups;
  });
}

void CountEncode(const std::vector<WorkloadRow>& rows) {
  HotPath path(EventsTable());
  const Batch batch =
      path.Assemble(Blocks(path, Messages(rows, kRowsPerMessage, RequestForm::kRows)));
  const WritePlan plan = path.Plan(batch);
  Twice([&] { return path.Encode(plan); });
}

int Main(int argc, char** argv) {
  using Rows = std::vector<WorkloadRow>;
  const std::map<std::string, std::function<void(const Rows&)>> stages = {
      {"decode_rows", [](const Rows& rows) { CountDecode(rows, RequestForm::kRows); }},
      {"decode_columns", [](const Rows& rows) { CountDecode(rows, RequestForm::kColumns); }},
      {"journal_group", CountJournal},
      {"batch_insert", [](const Rows& rows) { CountAssembly(rows, Conflict::kInsert); }},
      {"batch_update", [](const Rows& rows) { CountAssembly(rows, Conflict::kUpdate); }},
      {"encode_copy", CountEncode}};
  if (argc != 3 || stages.count(argv[1]) == 0) {
    for (const auto& [name, stage] : stages) (void)std::printf("%s\n", name.c_str());
    return argc == 1 ? 0 : 2;
  }
  stages.at(argv[1])(GeneratedRows(std::strtoul(argv[2], nullptr, 10)));
  return 0;
}

}  // namespace
}  // namespace batchsql::bench

int main(int argc, char** argv) { return batchsql::bench::Main(argc, argv); }
