#include "tests/support/fake_executor.h"

#include <utility>

#include "tests/support/rows.h"

namespace batchsql {
namespace {

RecordedWrite Record(const WritePlan& plan) {
  RecordedWrite write{plan.schema, plan.groups, {}, plan.coalesced_rows, plan.blocks.size()};
  for (const WriteGroup& group : plan.groups) {
    for (const RowRange& range : group.rows) {
      for (uint32_t row = range.begin; row < range.end; ++row) {
        write.rows.push_back(DumpRow(*plan.schema, *plan.blocks[range.block], row));
      }
    }
  }
  return write;
}

}  // namespace

std::unique_ptr<Target> FakeDatabase::MakeTarget(uint32_t connections_max) {
  return std::make_unique<Target>("fake", "fake", connections_max,
                                  [this] { return MakeExecutor(); });
}

std::unique_ptr<Executor> FakeDatabase::MakeExecutor() {
  return std::make_unique<FakeExecutor>(this);
}

void FakeDatabase::SetDescribed(absl::StatusOr<TableSchema> described) {
  MutexLock lock(mutex_);
  described_ = std::move(described);
}

void FakeDatabase::Then(Answer answer) {
  MutexLock lock(mutex_);
  answers_.push_back(std::move(answer));
}

void FakeDatabase::ThenFail(ErrorClass error_class, const std::string& code, int times) {
  for (int i = 0; i < times; ++i) {
    Then([error_class, code](const WritePlan&) {
      return WriteOutcome{
          WriteOutcome::Kind::kNotCommitted, {error_class, code, "scripted"}, {}, 0};
    });
  }
}

void FakeDatabase::ThenInDoubt() {
  Then([](const WritePlan&) {
    return WriteOutcome{
        WriteOutcome::Kind::kInDoubt, {ErrorClass::kReconnect, "gone", "scripted"}, {}, 0};
  });
}

void FakeDatabase::Hold() {
  MutexLock lock(mutex_);
  hold_ = true;
}

void FakeDatabase::Release() {
  MutexLock lock(mutex_);
  hold_ = false;
  changed_.NotifyAll();
}

void FakeDatabase::AwaitHeld(size_t count) {
  MutexLock lock(mutex_);
  while (held_ < count) changed_.Wait(mutex_);
}

void FakeDatabase::AwaitWrites(size_t count) {
  MutexLock lock(mutex_);
  while (writes_.size() < count) changed_.Wait(mutex_);
}

std::vector<RecordedWrite> FakeDatabase::writes() {
  MutexLock lock(mutex_);
  return writes_;
}

size_t FakeDatabase::describes() {
  MutexLock lock(mutex_);
  return describes_;
}

WriteOutcome FakeDatabase::Committed(const WritePlan& plan) {
  return {WriteOutcome::Kind::kCommitted, {}, {}, plan.coalesced_rows};
}

WriteOutcome FakeDatabase::Write(const WritePlan& plan) {
  Answer answer = Committed;
  {
    MutexLock lock(mutex_);
    writes_.push_back(Record(plan));
    changed_.NotifyAll();
    if (!answers_.empty()) {
      answer = std::move(answers_.front());
      answers_.pop_front();
    }
    ++held_;
    while (hold_) changed_.Wait(mutex_);
    --held_;
  }
  return answer(plan);
}

absl::StatusOr<TableSchema> FakeDatabase::Describe() {
  MutexLock lock(mutex_);
  ++describes_;
  changed_.NotifyAll();
  return described_;
}

absl::StatusOr<TableSchema> FakeExecutor::Describe(const TableName& /*name*/,
                                                   const WriteRule& /*rule*/) {
  connected_ = true;
  return database_->Describe();
}

absl::Status FakeExecutor::CreateTable(const TableName& /*name*/,
                                       absl::Span<const NewColumn> columns) {
  connected_ = true;
  if (database_->on_create) database_->on_create({columns.begin(), columns.end()});
  return absl::OkStatus();
}

absl::Status FakeExecutor::AddColumns(const TableName& /*name*/,
                                      absl::Span<const NewColumn> columns) {
  connected_ = true;
  if (database_->on_add) database_->on_add({columns.begin(), columns.end()});
  return absl::OkStatus();
}

WriteOutcome FakeExecutor::Write(const WritePlan& plan) {
  connected_ = true;
  return database_->Write(plan);
}

}  // namespace batchsql
