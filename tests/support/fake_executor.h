#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
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
  FlushProgress progress;
  bool committed = false;  // the truth, whatever was answered
};

// A database that does as a test says, with the watermark's and the producers' rows of a real one.
// Its executors share it. Thread-safe; outlives them.
class FakeDatabase {
 public:
  using Answer = std::function<WriteOutcome(const WritePlan& plan)>;

  explicit FakeDatabase(TableSchema schema) : described_(std::move(schema)) {}

  // A target over this database.
  std::unique_ptr<Target> MakeTarget(uint32_t connections_max = 4);
  std::unique_ptr<Executor> MakeExecutor();

  // What Describe answers from now on.
  void SetDescribed(absl::StatusOr<TableSchema> described);
  // The answers of the next Writes that are not fenced, in order; when they are used up, everything
  // is committed. The failures that an answer reports are given to `keep`.
  void Then(Answer answer);
  void ThenFail(ErrorClass error_class, const std::string& code = "E", int times = 1);
  // Forgets the answers that were said and not used.
  void ThenSucceed();
  // The answer to the commit is lost; the truth is as `committed` says, and `answer` tells what the
  // attempt would have been answered.
  void ThenInDoubt(bool committed = false, Answer answer = Committed);
  // The answers of the next Claims and Resolves, which then do nothing.
  void ThenClaimFails(absl::Status status);
  void ThenResolveFails(const absl::Status& status, int times = 1);
  void ThenResolveWorks();
  // The next Claim answers UNKNOWN; whether it was committed is as said.
  void ThenClaimInDoubt(bool committed);

  // The rows of batchsql_watermark, ascending by slot, and of batchsql_producers (0: none).
  std::vector<SlotRow> slots(const Uuid& pipeline);
  void SetSlots(const Uuid& pipeline, const std::vector<SlotRow>& rows);
  uint64_t producer(const TableName& table, const std::string& producer_id);
  void SetProducer(const TableName& table, const std::string& producer_id, uint64_t sequence);
  // What ReadProducers answers from now on, where it is an error.
  void SetProducersStatus(absl::Status status);

  // The pipeline's rows of batchsql_dead_letters, ascending by id.
  std::vector<LetterRow> letters(const Uuid& pipeline);
  // As somebody with SQL does.
  void RemoveLetters(const Uuid& pipeline);

  // Writes wait, from now on, until Release.
  void Hold();
  void Release();
  // Waits until `count` Writes are held at once.
  void AwaitHeld(size_t count);
  // Waits until `count` Writes have begun.
  void AwaitWrites(size_t count);

  std::vector<RecordedWrite> writes();
  // The rows of the writes that were committed, in the order of their commits; those that were
  // refused are left out.
  std::vector<std::string> table();
  size_t describes();
  size_t claims();
  size_t resolves();
  // The producers that ReadProducers was asked for, call by call.
  std::vector<std::vector<std::string>> producer_reads();
  // Called by CreateTable and AddColumns, with what they are given, before they answer OK.
  std::function<void(std::vector<NewColumn>)> on_create;
  std::function<void(std::vector<NewColumn>)> on_add;

  // Everything is committed; the answer when nothing else was said.
  static WriteOutcome Committed(const WritePlan& plan);

 private:
  friend class FakeExecutor;
  using SlotKey = std::pair<Uuid, uint32_t>;
  using LetterKey = std::pair<Uuid, uint64_t>;
  using ProducerKey = std::pair<std::string, std::string>;  // table, producer
  // What a script makes of the commit of one Claim or Write.
  enum class CommitAnswer { kComes, kLostAfterCommit, kLostBeforeCommit };
  struct ScriptedWrite {
    Answer answer = Committed;
    CommitAnswer commit = CommitAnswer::kComes;
  };
  struct ScriptedClaim {
    absl::Status status;
    CommitAnswer commit = CommitAnswer::kComes;
  };

  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress, KeepFailures keep);
  TableContents Contents(const Uuid& pipeline);
  absl::StatusOr<TableSchema> Describe();
  absl::Status Claim(const SlotClaim& claim);
  absl::StatusOr<Resolution> Resolve(const SlotMove& move);
  absl::StatusOr<std::vector<ProducerMove>> ReadProducers(
      const TableName& table, absl::Span<const std::string> producer_ids);

  absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid& pipeline);
  absl::StatusOr<LetterPage> ReadLetters(const Uuid& pipeline, const LetterQuery& query);
  uint64_t PurgeLetters(const Uuid& pipeline, const LetterSelection& selection);
  bool AreLive(const Uuid& pipeline, const std::vector<uint64_t>& ids) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Records the write, takes its script and waits while writes are held; false: it is fenced.
  bool BeginWrite(const WritePlan& plan, const FlushProgress& progress, size_t* index,
                  ScriptedWrite* script);
  // Moves the rows if they are all as expected; else nothing, and why.
  WriteOutcome::Kind Commit(const WritePlan& plan, const FlushProgress& progress,
                            const LetterChanges& kept, size_t index, const WriteOutcome& outcome);
  std::vector<SlotRow> SlotsOf(const Uuid& pipeline) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveSlots(const SlotClaim& claim) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SlotsAllow(const SlotMove& move) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  absl::StatusOr<TableSchema> described_ ABSL_GUARDED_BY(mutex_);
  std::deque<ScriptedWrite> scripted_writes_ ABSL_GUARDED_BY(mutex_);
  std::deque<ScriptedClaim> scripted_claims_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::Status> scripted_resolves_ ABSL_GUARDED_BY(mutex_);
  std::map<SlotKey, SlotRow> slots_ ABSL_GUARDED_BY(mutex_);
  std::map<ProducerKey, uint64_t> producers_ ABSL_GUARDED_BY(mutex_);
  std::map<LetterKey, LetterRow> letters_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<std::string>> producer_reads_ ABSL_GUARDED_BY(mutex_);
  absl::Status producers_status_ ABSL_GUARDED_BY(mutex_);
  std::vector<RecordedWrite> writes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> table_ ABSL_GUARDED_BY(mutex_);
  RowDigest digest_ ABSL_GUARDED_BY(mutex_);  // of those that were written with one
  size_t describes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t claims_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t resolves_ ABSL_GUARDED_BY(mutex_) = 0;
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
  absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid& pipeline) override;
  absl::Status Claim(const SlotClaim& claim) override;
  absl::StatusOr<std::vector<ProducerMove>> ReadProducers(
      const TableName& table, absl::Span<const std::string> producer_ids) override;
  absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid& pipeline) override;
  absl::StatusOr<LetterPage> ReadLetters(const Uuid& pipeline, const LetterQuery& query) override;
  absl::StatusOr<uint64_t> PurgeLetters(const Uuid& pipeline,
                                        const LetterSelection& selection) override;
  WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress,
                     KeepFailures keep) override;
  absl::StatusOr<Resolution> Resolve(const SlotMove& move) override;
  absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline, const TableSchema& schema,
                                             bool digest) override;
  bool connected() const override { return connected_; }
  void Disconnect() override { connected_ = false; }

 private:
  FakeDatabase* const database_;
  bool connected_ = false;
};

}  // namespace batchsql
