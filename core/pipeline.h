#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/audit.h"
#include "core/backoff.h"
#include "core/batch_tuner.h"
#include "core/batcher.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/commit_waiters.h"
#include "core/dead_letters/letter_store.h"
#include "core/executor.h"
#include "core/flush_window.h"
#include "core/journal/journal.h"
#include "core/ledger_file.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/pipeline_status.h"
#include "core/producer_lookups.h"
#include "core/producers.h"
#include "core/row_block_builder.h"
#include "core/target.h"
#include "core/target_producers.h"
#include "core/work_watch.h"

namespace batchsql {

// What Submit made of a request.
struct Submitted {
  uint32_t rows = 0;                   // accepted
  std::vector<RowRejection> rejected;  // by validation
};

// One table's way into its database: the queue, the journal beside it, the threads that flush it,
// and its retries. Owns the journal and the threads, which end with Drain. Every method is
// thread-safe.
class Pipeline {
 public:
  struct Options {
    std::string label;  // as clients and metrics call the table
    TableName table;
    WriteRule rule;
    bool create_missing = false;  // make the table from the first rows
    bool add_columns = false;     // add columns that rows name and the table lacks
    BatchLimits batch;
    bool exclusive = false;  // nobody else writes to the table; only for kInsert
    uint32_t flushers = 1;   // flushes in flight; more than one only takes effect for kInsert
    Uuid id{};               // of a pipeline without a journal
    // Producers' positions move in the target, with their rows; else the journal alone has them.
    bool producers_in_target = false;
    Duration backoff_base = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(10);
    Duration probe_interval_max = std::chrono::seconds(30);  // while paused
    Duration producer_memory{};  // how long a silent producer is remembered; 0: for ever

    bool operator==(const Options&) const = default;
  };
  using Schema = std::shared_ptr<const TableSchema>;
  // Called once, with the schema, or with why there is none: NOT_FOUND, UNAVAILABLE,
  // FAILED_PRECONDITION.
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<Schema>)>;

  // `journal` and `letters` are null for a pipeline without them; `journal` is an error where
  // either cannot be opened: then the pipeline is stopped from the start, for that reason.
  Pipeline(Options options, Target* target, PipelineMetrics* metrics, Clock* clock, Budget* budget,
           absl::StatusOr<std::unique_ptr<Journal>> journal,
           std::unique_ptr<LetterStore> letters = nullptr,
           std::unique_ptr<LedgerFile> ledger = nullptr);
  ~Pipeline();

  const Options& options() const { return options_; }
  const Target& target() const { return *target_; }
  PipelineMetrics& metrics() const { return *metrics_; }
  // Also where it could not be opened.
  bool has_journal() const { return has_journal_; }
  const Uuid& id() const { return id_; }
  // Null: refused rows are only reported.
  LetterStore* letters() { return letters_.get(); }

  // The table as last described; null before the first time.
  Schema schema() const;
  // Describes the table; makes it, or adds columns, where the options say so and `shape` (the
  // columns of the rows that wait, may be empty) tells how. Calls back from a thread of the
  // pipeline.
  void Open(std::vector<NewColumn> shape, OpenCallback callback);

  // A stream of a producer: fences its older ones. `last_sequence` is what the pipeline or the
  // target holds; all up to `committed_sequence` is committed, as far as the target tells.
  struct Session {
    uint64_t id = 0;
    uint64_t last_sequence = 0;
    uint64_t committed_sequence = 0;
  };
  using SessionCallback = absl::AnyInvocable<void(absl::StatusOr<Session>)>;
  // Calls back once: at once, or where positions are kept in the target from a thread of the
  // pipeline. UNAVAILABLE: the target cannot be asked, and no journal knows the producer.
  void OpenSession(const std::string& producer_id, SessionCallback callback);

  // Once for each session, when its stream has ended and no request of it is on its way to Submit.
  void CloseSession(const std::string& producer_id);

  // Whether LookUp must come before FindRepeated; never for a stream's request. LookUp calls back
  // as OpenSession.
  bool MustLookUp(const QueuedBlock& request) const;
  using LookUpCallback = absl::AnyInvocable<void(const absl::Status&)>;
  void LookUp(const std::string& producer_id, LookUpCallback callback);

  // A producer that the pipeline remembers.
  struct KnownProducer {
    std::string producer_id;
    uint64_t last_sequence = 0;
    uint64_t time_ms = 0;  // when its last request was answered, since 1970
    bool waiting = false;  // its last rows are not known to be committed
  };
  // Up to `limit` of them whose id is greater than `after`, by id.
  std::vector<KnownProducer> ListProducers(const std::string& after, size_t limit) const;
  struct Forgotten {
    uint64_t forgotten = 0;
    std::vector<std::string> waiting;  // kept: a repeated request would be written twice
    std::vector<std::string> unknown;
  };
  // A producer that is forgotten may begin anew, with any sequence. A crash may bring it back.
  Forgotten ForgetProducers(absl::Span<const std::string> producer_ids);

  // Looks whether a numbered request was answered before: then takes the receipt over and tells the
  // original's answer. nullopt: it comes next. FAILED_PRECONDITION (a gap), INVALID_ARGUMENT (other
  // rows than the original's), OUT_OF_RANGE (the answer is no longer kept, or another daemon's),
  // ABORTED (fenced), UNAVAILABLE (its position in the target must be looked up), with the receipt
  // dismissed.
  absl::StatusOr<std::optional<Submitted>> FindRepeated(const QueuedBlock& request,
                                                        Receipt& receipt);
  // Takes a request over: from here on the receipt is the pipeline's. Errors as FindRepeated;
  // UNAVAILABLE while draining or stopped, RESOURCE_EXHAUSTED where the journal is full, with the
  // receipt dismissed.
  [[nodiscard]] absl::StatusOr<Submitted> Submit(QueuedBlock block);
  // Counts rows that validation refused; they never come to Submit.
  void CountRejected(absl::Span<const RowRejection> rejected);

  // The letters' rows are journaled as those of ReplayProducer: from here on the letters say so.
  // (Letters in the target have said so since their rows were committed.)
  absl::Status FinishReplays(absl::Span<const uint64_t> letter_ids);

  // Decides on the rows that were accepted until now and do not fit the table as it is now: their
  // cells in these columns, which the table must lack, are left out, and those that still do not
  // fit become dead letters. Without a decision they wait. It holds until the table is altered
  // again, or the process ends; the last one counts. Asks the database for the table. Returns the
  // status from before. INVALID_ARGUMENT: the table has such a column; FAILED_PRECONDITION:
  // stopped, never opened, or the table is gone; UNAVAILABLE.
  absl::StatusOr<PipelineStatus> Reconcile(std::vector<std::string> ignored_columns);

  // Refuses every later request for this reason, repeated ones too. What is queued is written.
  void Refuse(absl::Status reason);
  // Whether a drain waits for a database that is away, for what is only in the journal.
  enum class LeftRows : uint8_t { kStay, kAreWritten };
  // Stops taking rows, flushes what is queued until `deadline`, answers the rest with UNAVAILABLE
  // (a journal keeps it for the next start), ends the threads, and lets the journal's and the
  // letters' files go. A second call does nothing, and does not wait for the first.
  void Drain(TimePoint deadline, LeftRows left = LeftRows::kStay);
  // Brings the deadline of a drain forward, whether it is under way or comes later.
  void EndDrainBy(TimePoint deadline);

  PipelineStatus status() const;
  // The end of Drain: no row is written any more.
  bool drained() const;
  // Of all that was ever accepted; false also where that is not known.
  bool all_committed() const;

  // Keeps the counts for the next process; to be called every few seconds. May wait for the disk.
  void SaveLedger();
  // Rows that ended in the last hour, by any process.
  EndedRows::Counts ended_last_hour() const;
  // Compares the ledger with the table, in one snapshot: takes as long as counting the rows, or
  // reading them where the table is exclusive, and a connection for that time.
  // FAILED_PRECONDITION, NOT_FOUND, UNAVAILABLE.
  absl::StatusOr<AuditReport> Audit();

 private:
  struct OpenRequest {
    std::vector<NewColumn> shape;
    OpenCallback callback;  // null: nobody asked
  };
  // What a flusher does next.
  struct Work {
    std::deque<OpenRequest> opens;
    bool answer = false;  // those who wait for a stopped pipeline
    bool read_back = false;
    bool expire = false;
    Batch batch;
    std::vector<ProducerRange> held;
    uint32_t slot = 0;
    bool stop = false;
  };
  // Who waits for an answer that no flush will give.
  struct Unanswered {
    std::deque<OpenRequest> opens;
    Batch batch;
    std::vector<CommitWaiters::Waiter> waiters;
  };
  // LSNs that are in the journal only: [next, through].
  struct LeftRange {
    Lsn next = 1;
    Lsn through = 0;
    // No row among them was accepted before; nullopt: not known yet.
    std::optional<TimePoint> accepted_from;
    bool empty() const { return next > through; }
  };
  // An operator's, on rows that do not fit the altered table: see Reconcile.
  struct Decision {
    uint64_t number = 0;  // 0: none yet
    Lsn through = 0;
    Schema schema;  // the table that it is about
    std::vector<std::string> ignored_columns;
  };
  enum class AttemptResult : uint8_t { kAnswered, kAgain };
  struct Flush;
  // A producer's streams. The newest fences the others, until all have ended.
  struct Sessions {
    uint64_t newest = 0;
    uint32_t open = 0;
  };

  void Recover(JournalState recovered);
  void RunFlusher();
  Work NextWork();
  void WakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeWork(TimePoint now, Work* work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayStop(TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustReadBack(TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeBatch(TimePoint now, Work* work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<TimePoint> NextDue(TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Duration OldestAge() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t FlushersAllowed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void RunOpens(std::deque<OpenRequest> opens);
  absl::StatusOr<Schema> OpenOnce(const std::vector<NewColumn>& shape);
  void WarnIfWeak(const TableSchema& schema) const;
  absl::StatusOr<TableSchema> DescribeAndClaim(const std::vector<NewColumn>& shape);
  absl::StatusOr<TableSchema> DescribeOrCreate(Executor& executor,
                                               const std::vector<NewColumn>& shape);
  std::vector<NewColumn> KeyedShape(std::vector<NewColumn> shape) const;

  // core/pipeline_intake.cc
  absl::Status CheckAccepting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WritesNoMore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<const RequestAnswer*> FindOriginal(const QueuedBlock& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountRepeated(const QueuedBlock& request, const RequestAnswer& original)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountIncoming(const QueuedBlock& request, uint64_t rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Follow(const RequestAnswer& original, Receipt receipt);
  absl::StatusOr<Submitted> Take(QueuedBlock& block, absl::Status status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Admit(QueuedBlock& block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool RowsMustWait() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HurryJournal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnSynced(std::vector<QueuedBlock> group);
  void NotifyOfRows(bool was_empty) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustLeave() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(QueuedBlock& block, std::vector<Receipt>* untold)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadBack();
  void ReadBackFailed(const absl::Status& error);
  void TakeBack(QueuedBlock block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // core/pipeline_producers.cc
  bool KeepsInTarget(std::string_view producer_id) const;
  Session NewSession(const std::string& producer_id);
  bool JournalKnows(const std::string& producer_id) const;
  absl::Status ReadPositions(absl::Span<const std::string> producer_ids);
  absl::Status JudgeByTarget(const QueuedBlock& request, Producers::Position* position) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<DatabaseError> PrepareProducers(Flush& flush);
  absl::Status PrepareMoves(Flush& flush);
  uint64_t DropCommitted(Flush& flush) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteMoves(const Flush& flush, WriteOutcome::Kind kind);
  AttemptResult HandleProducerMoved(Flush& flush);

  // core/pipeline_expiry.cc
  bool IsSettled(const Producers::Summary& producer) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(const std::string& producer_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustExpire(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireProducers();

  // core/pipeline_letters.cc
  absl::Status KeepUnfit(Flush& flush, uint64_t attempt);
  LetterChanges ChangesOf(const Flush& flush, uint64_t attempt);
  absl::Status KeepRefused(Flush& flush, uint64_t attempt, absl::Span<const RowFailure> failures,
                           LetterChanges* changes);
  bool ConfirmLetters(Flush& flush, uint64_t attempt);
  void DropLetters(uint64_t attempt);
  absl::Status RestoreRefused(const std::vector<SlotRow>& slots);
  void FinishLeftReplays();
  void EndReplays(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  AttemptResult GiveUpReplays(Flush& flush);

  // core/pipeline_ledger.cc
  void RecoverLedger(const IntakeTotals& journaled) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  IntakeTotals CountIntake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdoptTotals(bool is_first) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountEnded(uint64_t committed, uint64_t others) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<uint64_t> LiveTimes(absl::Span<const uint64_t> letter_ids) const;
  void Forgive(uint64_t letter_time_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LedgerRecord MakeRecord() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Lsn TrimmableLsn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SaveLastLedger();
  void WriteLedger(LedgerRecord record);

  // core/pipeline_claim.cc
  absl::Status Claim(Executor& executor);
  absl::Status TakeSlots(Executor& executor, const std::vector<SlotRow>& found, ClaimMark mark);
  absl::Status Remember(const ClaimMark& mark);
  void Adopt(const std::vector<SlotRow>& slots);
  void GiveUpLost(Lsn waiting_from) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RecountLeft(uint64_t waiting, bool is_first) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnswerClaimed();

  // core/pipeline_drift.cc
  std::optional<DatabaseError> FitBatch(Flush& flush);
  std::string Refit(Flush& flush, const Schema& present, const Decision& decision);
  void Adopt(Flush& flush, const Schema& present, std::vector<BuiltRows> fitted);
  void Redescribe(const Flush& flush);
  absl::Status CheckReconcilable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetStateAfterCommit();

  // core/pipeline_flush.cc
  void RunFlush(Work work);
  std::optional<FlushProgress> BeginAttempt(const Flush& flush);
  Target::Lease LeaseConnection(Flush& flush);
  void CountFailure(const Flush& flush, const WriteOutcome& outcome, Duration duration);
  void ResolveDoubt(Flush& flush, Executor& executor, const FlushProgress& progress,
                    WriteOutcome* outcome);
  AttemptResult HandleFenced(Flush& flush);
  AttemptResult Attempt(Flush& flush);
  AttemptResult HandleFailure(Flush& flush, const DatabaseError& error);
  AttemptResult Retry(Flush& flush, const DatabaseError& error);
  AttemptResult Probe(Flush& flush, const DatabaseError& error);
  AttemptResult Stop(Flush& flush, const DatabaseError& error);
  bool AnswerIfStopped(Flush& flush);
  void Halve(Flush& flush);
  void Commit(Flush& flush, const FlushProgress& progress, const WriteOutcome& outcome);
  void Tune(const Flush& flush, const WriteOutcome& outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ObserveCommit(const Batch& batch);
  void AnswerCommitted(Batch& batch);
  void AnswerFlush(Flush& flush, const absl::Status& status);
  void AnswerAll(Batch& batch, const absl::Status& status);
  void ReportLost(const Batch& batch);
  bool WaitBeforeRetry(Duration wait, std::optional<uint64_t> decisions_seen = std::nullopt);
  void BeginWait();
  static absl::Status FlushWaitsStatus();
  void SetState(PipelineState state, const std::string& code,
                ErrorClass error_class = ErrorClass::kNone);

  // core/pipeline_end.cc
  static StopKind KindOfFileError(const absl::Status& error);
  void StopFor(const absl::Status& reason, StopKind kind);
  Unanswered TakeUnanswered() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(Unanswered waiting, const absl::Status& status);
  void AnswerStopped();
  void GiveUpQueue();
  absl::Status StoppingStatus() const;
  // For requests that were accepted: never NOT_FOUND, as a removed table says to new ones.
  absl::Status GivenUpStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ClosedStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Target* const target_;
  PipelineMetrics* const metrics_;
  Clock* const clock_;
  Budget* const budget_;
  const bool has_journal_;
  std::unique_ptr<Journal> journal_;         // null: none, or it could not be opened
  std::unique_ptr<LetterStore> letters_;     // null: none
  std::unique_ptr<LedgerFile> ledger_file_;  // null: none. Of whoever is saving_
  Uuid id_{};
  std::unique_ptr<ProducerLookups> lookups_;  // null unless positions are kept in the target

  mutable Mutex mutex_;
  WorkWatch work_ ABSL_GUARDED_BY(mutex_);  // the flushers'
  CondVar wake_;                            // of those who wait to try again, or for saving_
  Batcher batcher_ ABSL_GUARDED_BY(mutex_);
  std::optional<BatchTuner> tuner_ ABSL_GUARDED_BY(mutex_);  // steers batcher_
  std::deque<OpenRequest> opens_ ABSL_GUARDED_BY(mutex_);
  uint32_t waiting_flushes_ ABSL_GUARDED_BY(mutex_) = 0;  // for their next attempt
  Schema schema_ ABSL_GUARDED_BY(mutex_);
  Decision decision_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, std::string> drifts_
      ABSL_GUARDED_BY(mutex_);  // by slot: why a flush waits for a decision
  PipelineStatus status_ ABSL_GUARDED_BY(mutex_);
  uint64_t flushing_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t flushing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t flushing_ ABSL_GUARDED_BY(mutex_) = 0;           // flushers at work
  uint32_t connected_flushes_ ABSL_GUARDED_BY(mutex_) = 0;  // of them: had a lease
  std::multiset<TimePoint> flushing_since_
      ABSL_GUARDED_BY(mutex_);                    // when their rows were accepted
  bool opening_ ABSL_GUARDED_BY(mutex_) = false;  // DDL or Describe under way: no flush starts
  std::optional<TimePoint> reopen_at_ ABSL_GUARDED_BY(mutex_);
  Lsn next_lsn_ ABSL_GUARDED_BY(mutex_) = 1;
  Lsn synced_lsn_ ABSL_GUARDED_BY(mutex_) = 0;
  Lsn queued_through_ ABSL_GUARDED_BY(mutex_) = 0;      // queued or left; follows synced_lsn_
  Lsn numbered_through_ ABSL_GUARDED_BY(mutex_) = 0;    // left_rows_ counts LSNs up to here
  IntakeTotals intake_before_ ABSL_GUARDED_BY(mutex_);  // by earlier processes
  EndedRows ended_ ABSL_GUARDED_BY(mutex_);
  SlotTotals slot_totals_ ABSL_GUARDED_BY(mutex_);     // as last read, or saved
  uint64_t saved_minute_ ABSL_GUARDED_BY(mutex_) = 0;  // of an earlier process; 0: none
  Lsn known_frontier_ ABSL_GUARDED_BY(mutex_) = 0;     // while there is no window
  Lsn saved_through_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
  bool saving_ ABSL_GUARDED_BY(mutex_) = false;
  bool was_claimed_ ABSL_GUARDED_BY(mutex_) = false;     // by this process
  uint64_t syncing_rows_ ABSL_GUARDED_BY(mutex_) = 0;    // on their way into the journal
  IntakeTotals syncing_intake_ ABSL_GUARDED_BY(mutex_);  // of the same requests
  uint64_t left_rows_ ABSL_GUARDED_BY(mutex_) = 0;       // in left_, and not committed
  LeftRange left_ ABSL_GUARDED_BY(mutex_);
  bool reading_back_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint read_back_from_ ABSL_GUARDED_BY(mutex_){};  // not before; later after a failure
  Backoff read_back_backoff_ ABSL_GUARDED_BY(mutex_){options_.backoff_base, options_.backoff_max,
                                                     0};
  CommitWaiters waiters_ ABSL_GUARDED_BY(mutex_);
  CommitWaiters unsynced_repeats_ ABSL_GUARDED_BY(mutex_);  // of requests that are being synced
  Producers producers_ ABSL_GUARDED_BY(mutex_);
  TargetProducers target_producers_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Sessions> sessions_ ABSL_GUARDED_BY(mutex_);  // by producer
  uint64_t next_session_ ABSL_GUARDED_BY(mutex_) = 1;
  std::optional<TimePoint> expire_at_ ABSL_GUARDED_BY(mutex_);  // when silent ones are looked for
  JournalExtent extent_ ABSL_GUARDED_BY(mutex_);               // its LSNs are set when it is needed
  std::optional<FlushWindow> window_ ABSL_GUARDED_BY(mutex_);  // once claimed
  std::mt19937_64 attempts_ ABSL_GUARDED_BY(mutex_){std::random_device{}()};
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);  // OK: none
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool drains_left_ ABSL_GUARDED_BY(mutex_) = false;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;  // nobody answers receipts any more
  TimePoint drain_deadline_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();
  std::vector<std::thread> flushers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
