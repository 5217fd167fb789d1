#include "tests/core/journal/journal_fixture.h"

#include <stdexcept>
#include <thread>
#include <utility>

namespace batchsql {

std::shared_ptr<const TableSchema> JournalTable() {
  static const auto kTable = std::make_shared<const TableSchema>(TestTableAB());
  return kTable;
}

std::shared_ptr<const TableSchema> WiderJournalTable() {
  static const auto kTable = std::make_shared<const TableSchema>(
      TestTable({TestColumn("a", ColumnType::kInt64), TestColumn("text", ColumnType::kText)}));
  return kTable;
}

QueuedBlock TestRequest(const std::shared_ptr<const TableSchema>& schema, Lsn first_lsn,
                        uint32_t rows, uint64_t sequence) {
  QueuedBlock block;
  block.schema = schema;
  std::vector<TestRow> values;
  for (uint32_t i = 0; i < rows; ++i) {
    TestRow row = {{"id", Value::Int(static_cast<int64_t>(first_lsn + i))}, {"a", Value::Int(i)}};
    if (schema->FindColumn("text") >= 0) row.emplace_back("text", Value::Text("some text"));
    values.push_back(std::move(row));
  }
  if (rows > 0) block.rows = BuildBlock(*schema, values);
  block.answer.first_lsn = first_lsn;
  block.answer.last_lsn = first_lsn + std::max(1U, rows) - 1;
  block.answer.accepted_rows = rows;
  block.answer.time_ms = 1'700'000'000'000 + first_lsn;
  block.level = AckLevel::kJournal;
  if (sequence == 0) return block;
  block.answer.producer_id = "producer-1";
  block.answer.sequence = sequence;
  block.answer.digest = DigestOf(absl::StrCat("request ", sequence));
  if (rows == 0) block.answer.rejected = {{0, "id", RejectReason::kNull, "is NULL"}};
  return block;
}

JournalFixture::JournalFixture(uint64_t segment_bytes) {
  options.directory = kDirectory;
  options.segment_bytes = segment_bytes;
  options.first_segment_bytes = std::min<uint64_t>(segment_bytes, 16 << 10);
}

JournalFixture::~JournalFixture() { journal_.reset(); }  // its thread calls back

absl::Status JournalFixture::Open() {
  absl::StatusOr<std::unique_ptr<Journal>> opened = Journal::Open(&env, &disk, &clock, options);
  if (!opened.ok()) return opened.status();
  journal_ = *std::move(opened);
  state = journal_->TakeRecovered();
  next_lsn = state.next_lsn;
  called_back_ = next_lsn - 1;
  journal_->Start([this](std::vector<QueuedBlock> group) {
    MutexLock lock(mutex_);
    if (group.front().first_lsn() != called_back_ + 1) throw std::logic_error("out of order");
    called_back_ = group.back().last_lsn();
    synced_ = group.back().last_lsn();
    groups_.push_back(group.size());
    changed_.NotifyAll();
  });
  return absl::OkStatus();
}

absl::Status JournalFixture::Append(uint32_t rows, uint64_t sequence, Journal::Urgency urgency) {
  return Append(JournalTable(), rows, sequence, urgency);
}

absl::Status JournalFixture::Append(const std::shared_ptr<const TableSchema>& schema, uint32_t rows,
                                    uint64_t sequence, Journal::Urgency urgency) {
  QueuedBlock block = TestRequest(schema, next_lsn, rows, sequence);
  const Lsn last = block.last_lsn();
  absl::Status status = journal_->Append(block, urgency);
  if (status.ok()) next_lsn = last + 1;
  return status;
}

void JournalFixture::AwaitSynced(Lsn lsn) {
  MutexLock lock(mutex_);
  while (synced_ < lsn) changed_.Wait(mutex_);
}

void JournalFixture::AwaitSyncedOrAdvance(Lsn lsn) {
  while (!AwaitSyncedOrError(lsn)) {
    clock.Advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
}

bool JournalFixture::AwaitSyncedOrError(Lsn lsn) {
  while (synced_lsn() < lsn) {
    if (!journal_->status().error.empty()) return false;
    std::this_thread::yield();
  }
  return true;
}

void JournalFixture::AwaitError() {
  while (journal_->status().error.empty()) std::this_thread::yield();
}

void JournalFixture::AppendAndAwait(uint32_t rows, uint64_t sequence) {
  const absl::Status status = Append(rows, sequence);
  if (!status.ok()) throw std::logic_error(std::string(status.message()));
  AwaitSynced(next_lsn - 1);
}

void JournalFixture::Kill() {
  env.Freeze(true);
  journal_.reset();
  env.Freeze(false);
}

void JournalFixture::LosePower(uint64_t kept_bytes) {
  Kill();
  env.Crash(kept_bytes);
}

void JournalFixture::Close() {
  journal_->Close(clock.Now() + std::chrono::hours(1));
  journal_.reset();
}

Lsn JournalFixture::synced_lsn() {
  MutexLock lock(mutex_);
  return synced_;
}

std::vector<size_t> JournalFixture::groups() {
  MutexLock lock(mutex_);
  return groups_;
}

absl::StatusOr<std::vector<Lsn>> JournalFixture::ReadAll(uint64_t bytes_max) {
  std::vector<Lsn> lsns;
  for (Lsn at = journal_->status().first_lsn;;) {
    absl::StatusOr<std::vector<QueuedBlock>> blocks = journal_->Read(at, bytes_max);
    if (!blocks.ok()) return blocks.status();
    if (blocks->empty()) return lsns;
    for (const QueuedBlock& block : *blocks) {
      if (block.first_lsn() != at) throw std::logic_error("read out of order");
      at = block.last_lsn() + 1;
      ColumnView id;
      for (uint32_t row = 0; row < block.rows.rows(); ++row) {
        if (!block.rows.FindColumn(0, &id) || id.u64(row) != block.first_lsn() + row) {
          throw std::logic_error("another row than was written");
        }
        lsns.push_back(block.first_lsn() + row);
      }
    }
  }
}

}  // namespace batchsql
