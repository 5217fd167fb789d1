#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/executor.h"
#include "core/mutex.h"
#include "core/target.h"

namespace batchsql {

// What one Write was given, read while its blocks were alive.
struct RecordedWrite {
  std::shared_ptr<const TableSchema> schema;
  std::vector<WriteGroup> groups;
  std::vector<std::string> rows;  // in the order written: "id=1 a=NULL", columns by index
  uint64_t coalesced_rows = 0;
  size_t blocks = 0;
};

// A database that does as a test says. Its executors share it. Thread-safe; outlives them.
class FakeDatabase {
 public:
  using Answer = std::function<WriteOutcome(const WritePlan& plan)>;

  explicit FakeDatabase(TableSchema schema) : described_(std::move(schema)) {}

  // A target over this database.
  std::unique_ptr<Target> MakeTarget(uint32_t connections_max = 4);
  std::unique_ptr<Executor> MakeExecutor();

  // What Describe answers from now on.
  void SetDescribed(absl::StatusOr<TableSchema> described);
  // The answers of the next Writes, in order; when they are used up, everything is committed.
  void Then(Answer answer);
  void ThenFail(ErrorClass error_class, const std::string& code = "E", int times = 1);
  void ThenInDoubt();

  // Writes wait, from now on, until Release.
  void Hold();
  void Release();
  // Waits until `count` Writes are held at once.
  void AwaitHeld(size_t count);
  // Waits until `count` Writes have begun.
  void AwaitWrites(size_t count);

  std::vector<RecordedWrite> writes();
  size_t describes();
  // Called by CreateTable and AddColumns, with what they are given, before they answer OK.
  std::function<void(std::vector<NewColumn>)> on_create;
  std::function<void(std::vector<NewColumn>)> on_add;

  // Everything is committed; the answer when nothing else was said.
  static WriteOutcome Committed(const WritePlan& plan);

 private:
  friend class FakeExecutor;
  WriteOutcome Write(const WritePlan& plan);
  absl::StatusOr<TableSchema> Describe();

  Mutex mutex_;
  CondVar changed_;
  absl::StatusOr<TableSchema> described_ ABSL_GUARDED_BY(mutex_);
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<RecordedWrite> writes_ ABSL_GUARDED_BY(mutex_);
  size_t describes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
};

// One connection to a FakeDatabase: open after its first use, until Disconnect.
class FakeExecutor : public Executor {
 public:
  explicit FakeExecutor(FakeDatabase* database) : database_(database) {}

  absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) override;
  absl::Status CreateTable(const TableName& name, absl::Span<const NewColumn> columns) override;
  absl::Status AddColumns(const TableName& name, absl::Span<const NewColumn> columns) override;
  WriteOutcome Write(const WritePlan& plan) override;
  bool connected() const override { return connected_; }
  void Disconnect() override { connected_ = false; }

 private:
  FakeDatabase* const database_;
  bool connected_ = false;
};

}  // namespace batchsql
