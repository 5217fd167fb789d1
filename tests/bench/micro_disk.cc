// Micro-benchmarks that write to a disk, in a folder of their own below TMPDIR: a group of the
// journal with its fdatasync, and rows into a table of SQLite, rolled back. Items are rows.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "core/journal/journal.h"
#include "executors/sqlite/connection.h"
#include "executors/sqlite/row_writer.h"
#include "tests/bench/hot_path.h"

namespace batchsql::bench {
namespace {

constexpr size_t kRows = 10'000;
constexpr size_t kRowsPerMessage = 1000;

// Gone with its owner.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "batchsql-micro-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The requests of one message each, appended and synced.
class SyncedJournal {
 public:
  SyncedJournal() {
    Journal::Options options;
    options.directory = folder_ / "journal";
    if (!Env::System()->MakeDirectory(options.directory).ok()) throw std::runtime_error("mkdir");
    absl::StatusOr<std::unique_ptr<Journal>> opened =
        Journal::Open(Env::System(), &disk_, &clock_, options);
    if (!opened.ok()) throw std::runtime_error(std::string(opened.status().message()));
    journal_ = *std::move(opened);
    journal_->Start([this](std::vector<QueuedBlock> group) {
      MutexLock lock(mutex_);
      synced_ = group.back().last_lsn();
      changed_.NotifyAll();
    });
  }

  void Append(QueuedBlock block) {
    if (!journal_->Append(block).ok()) throw std::runtime_error("the journal refuses");
  }

  void AwaitSynced(Lsn lsn) {
    MutexLock lock(mutex_);
    while (synced_ < lsn) changed_.Wait(mutex_);
    journal_->Trim(lsn);
  }

 private:
  Folder folder_;
  DiskBudget disk_{uint64_t{1} << 30};
  SystemClock clock_;
  Mutex mutex_;
  CondVar changed_;
  Lsn synced_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<Journal> journal_;  // its thread uses what is above
};

void JournalAppend(benchmark::State& state) {
  const std::vector<std::string> messages =
      Messages(GeneratedRows(kRows), kRowsPerMessage, RequestForm::kRows);
  HotPath path(EventsTable());
  SyncedJournal journal;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<QueuedBlock> blocks;
    for (const std::string& message : messages) blocks.push_back(path.Queue(path.Decode(message)));
    const Lsn last = blocks.back().last_lsn();
    state.ResumeTiming();
    for (QueuedBlock& block : blocks) journal.Append(std::move(block));
    journal.AwaitSynced(last);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}
BENCHMARK(JournalAppend)->UseRealTime();

void Check(const DatabaseError& error) {
  if (!error.ok()) throw std::runtime_error(error.message);
}

void EncodeSqlite(benchmark::State& state) {
  const Folder folder;
  std::unique_ptr<sqlite::Connection> connection;
  Check(sqlite::Connection::Open({folder / "bench.db"}, &connection));
  Check(connection->Execute(
      "CREATE TABLE events (id INTEGER PRIMARY KEY, ts TIMESTAMP, user_id INTEGER, "
      "name VARCHAR(64), amount DOUBLE, payload TEXT)"));
  const std::shared_ptr<const TableSchema> schema = EventsTable();
  HotPath path(schema);
  std::vector<QueuedBlock> blocks;
  for (const std::string& message :
       Messages(GeneratedRows(kRows), kRowsPerMessage, RequestForm::kRows)) {
    blocks.push_back(path.Queue(path.Decode(message)));
  }
  const Batch batch = path.Assemble(std::move(blocks));
  const WritePlan plan = path.Plan(batch);
  for (auto _ : state) {
    Check(connection->Execute("BEGIN IMMEDIATE"));
    sqlite::RowWriter writer(*connection, *schema, plan.groups.front().columns);
    Check(writer.Write(plan, plan.groups.front().rows));
    Check(connection->Execute("ROLLBACK"));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
}
BENCHMARK(EncodeSqlite);

}  // namespace
}  // namespace batchsql::bench
