#include "core/pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/strings.h"

namespace batchsql {

std::string_view PipelineStateName(PipelineState state) {
  switch (state) {
    case PipelineState::kOpening:
      return "opening";
    case PipelineState::kRunning:
      return "running";
    case PipelineState::kRetrying:
      return "retrying";
    case PipelineState::kPaused:
      return "paused";
    case PipelineState::kStopped:
      return "stopped";
  }
  return "";
}

Pipeline::Pipeline(Options options, Target* target, PipelineMetrics* metrics, Clock* clock,
                   Budget* budget, absl::StatusOr<std::unique_ptr<Journal>> journal,
                   std::unique_ptr<LetterStore> letters, std::unique_ptr<LedgerFile> ledger)
    : options_(std::move(options)),
      target_(target),
      metrics_(metrics),
      clock_(clock),
      budget_(budget),
      has_journal_(!journal.ok() || *journal != nullptr),
      letters_(std::move(letters)),
      ledger_file_(std::move(ledger)),
      id_(options_.id),
      batcher_(options_.batch) {
  if (options_.batch.tuned) {
    tuner_.emplace(options_.batch);
    batcher_.SetLimits(tuner_->rows_max(), tuner_->linger());
  }
  if (!journal.ok()) {
    ledger_file_.reset();  // it has counts that were not read: nothing may be saved over them
    StopFor(journal.status(), KindOfFileError(journal.status()));
    return;
  }
  journal_ = *std::move(journal);
  if (journal_ != nullptr) Recover(journal_->TakeRecovered());
  if (options_.producers_in_target) {
    lookups_ = std::make_unique<ProducerLookups>(
        [this](absl::Span<const std::string> ids) { return ReadPositions(ids); });
  }
  {
    MutexLock lock(mutex_);
    if (options_.producer_memory > Duration::zero()) expire_at_ = clock_->Now();
    for (uint32_t i = 0; i < options_.flushers; ++i) {
      flushers_.emplace_back([this] { RunFlusher(); });
    }
  }
  if (journal_ != nullptr) {
    journal_->ObserveSyncs([this](Duration duration) { metrics_->JournalSynced(duration); });
    journal_->Start([this](std::vector<QueuedBlock> group) { OnSynced(std::move(group)); });
    if (letters_ != nullptr) FinishLeftReplays();
  }
}

// Rows are accepted at once where the journal knows the table's columns.
void Pipeline::Recover(JournalState recovered) {
  id_ = recovered.id;
  MutexLock lock(mutex_);
  schema_ = std::move(recovered.schema);
  producers_ = std::move(recovered.producers);
  extent_.claims = std::move(recovered.claims);
  extent_.first_lsn = recovered.first_lsn;
  next_lsn_ = recovered.next_lsn;
  synced_lsn_ = recovered.next_lsn - 1;
  queued_through_ = synced_lsn_;
  left_ = {recovered.first_lsn, synced_lsn_, std::nullopt};
  RecoverLedger(recovered.counted);
  // All of it, until the claim tells what is committed: never too few.
  numbered_through_ = synced_lsn_;
  left_rows_ = left_.through + 1 - left_.next;
  status_.recovered_rows = left_rows_;
}

Pipeline::~Pipeline() { Drain(clock_->Now()); }

Pipeline::Schema Pipeline::schema() const {
  MutexLock lock(mutex_);
  return schema_;
}

void Pipeline::Open(std::vector<NewColumn> shape, OpenCallback callback) {
  absl::Status refused;
  {
    MutexLock lock(mutex_);
    refused = CheckAccepting();
    if (refused.ok() && waiting_flushes_ > 0) refused = FlushWaitsStatus();
    if (refused.ok()) {
      opens_.push_back({std::move(shape), std::move(callback)});
      work_.Notify();
      return;
    }
  }
  callback(refused);
}

void Pipeline::CountRejected(absl::Span<const RowRejection> rejected) {
  MutexLock lock(mutex_);
  status_.received_rows += rejected.size();
  status_.rejected_rows += rejected.size();
  CountByReason(rejected, &status_.rejected_by_reason);
}

PipelineStatus Pipeline::status() const {
  const uint64_t dead_letters = letters_ == nullptr ? 0 : letters_->totals().live;
  const Journal::Status journal = journal_ == nullptr ? Journal::Status() : journal_->status();
  MutexLock lock(mutex_);
  PipelineStatus status = status_;
  status.dead_letters = dead_letters;
  status.queued_rows = batcher_.rows() + flushing_rows_ + syncing_rows_ + left_rows_;
  status.queued_bytes = batcher_.bytes() + flushing_bytes_;
  status.inflight_flushes = flushing_;
  status.batch_rows_target = batcher_.limits().rows_max;
  status.batch_linger = batcher_.limits().linger;
  status.oldest_age = OldestAge();
  status.journal_error = journal.error;
  if (!drifts_.empty()) status.drift = drifts_.begin()->second;
  status.journal_bytes = journal.bytes;
  status.journal_segments = journal.segments;
  status.at_least_once = schema_ != nullptr && schema_->weakness() != TableWeakness::kNone;
  return status;
}

// Rows go through the queue in the order of their acceptance. Those of a group that is being synced
// are not looked at: they wait for a moment only.
Duration Pipeline::OldestAge() const {
  const TimePoint now = clock_->Now();
  TimePoint oldest = now;
  if (!left_.empty()) oldest = left_.accepted_from.value_or(now);
  if (!batcher_.empty()) oldest = batcher_.oldest().value_or(now);
  if (!flushing_since_.empty()) oldest = *flushing_since_.begin();
  return std::max(Duration(0), Duration(now - oldest));
}

void Pipeline::Refuse(absl::Status reason) {
  MutexLock lock(mutex_);
  refusal_ = std::move(reason);
}

void Pipeline::WakeAll() {
  work_.NotifyAll();
  wake_.NotifyAll();
}

bool Pipeline::drained() const {
  MutexLock lock(mutex_);
  return drained_;
}

bool Pipeline::all_committed() const {
  MutexLock lock(mutex_);
  return next_lsn_ == 1 || (window_.has_value() && window_->frontier() + 1 >= next_lsn_);
}

void Pipeline::RunFlusher() {
  while (true) {
    Work work = NextWork();
    if (work.stop) return;
    if (!work.opens.empty()) {
      RunOpens(std::move(work.opens));
    } else if (work.answer) {
      AnswerStopped();
    } else if (work.expire) {
      ExpireProducers();
    } else if (work.read_back) {
      ReadBack();
    } else {
      RunFlush(std::move(work));
    }
  }
}

Pipeline::Work Pipeline::NextWork() {
  MutexLock lock(mutex_);
  Work work;
  while (true) {
    // One look at the clock: what falls due between two would be neither taken nor waited for.
    const TimePoint now = clock_->Now();
    if (TakeWork(now, &work)) {
      work_.PassOn();
      return work;
    }
    work_.Wait(*clock_, mutex_, NextDue(now));
  }
}

// When there may be work without anybody's notice; nullopt: not before a notice.
std::optional<TimePoint> Pipeline::NextDue(TimePoint now) const {
  std::optional<TimePoint> due;
  std::optional<TimePoint> drain_end;
  if (draining_) drain_end = drain_deadline_;
  std::optional<TimePoint> read_back;
  if (!left_.empty() && window_.has_value()) read_back = read_back_from_;
  for (const std::optional<TimePoint>& candidate :
       {batcher_.due_at(), reopen_at_, expire_at_, read_back, drain_end}) {
    if (candidate.has_value() && *candidate > now && (!due.has_value() || *candidate < *due)) {
      due = candidate;
    }
  }
  return due;
}

// Order is promised per key unless rows are only inserted, so only then may flushes overlap.
uint32_t Pipeline::FlushersAllowed() const {
  return schema_ != nullptr && schema_->IsAppendOnly() ? options_.flushers : 1;
}

bool Pipeline::TakeWork(TimePoint now, Work* work) {
  if (MayStop(now)) {
    work->stop = true;
    return true;
  }
  if (opening_) return false;
  if (status_.state == PipelineState::kStopped) {
    work->answer = !opens_.empty() || !batcher_.empty() || waiters_.size() > 0;
    return work->answer;
  }
  if (reopen_at_.has_value() && now >= *reopen_at_) {
    reopen_at_.reset();
    opens_.push_back({});
  }
  if (!opens_.empty()) {
    if (flushing_ > 0 || reading_back_) return false;  // the window is drained before DDL
    opening_ = true;
    work->opens.swap(opens_);
    return true;
  }
  if (!window_.has_value()) return false;
  if (MustExpire(now)) {
    work->expire = true;
    return true;
  }
  if (MustReadBack(now)) {
    reading_back_ = true;
    work->read_back = true;
    return true;
  }
  return TakeBatch(now, work);
}

// A drain waits for flushes under way: what they cannot write in parts comes back to the queue.
// What an outage left in the journal is only waited for where the drain says so.
bool Pipeline::MayStop(TimePoint now) const {
  if (!draining_) return false;
  if (now >= drain_deadline_) return true;
  const bool at_work = flushing_ > 0 || reading_back_;
  if (status_.state == PipelineState::kStopped) return !at_work;  // nothing is written any more
  const bool idle = batcher_.empty() && syncing_rows_ == 0 && !at_work;
  return idle && (left_.empty() || (!window_.has_value() && !drains_left_));
}

bool Pipeline::MustReadBack(TimePoint now) const {
  return !left_.empty() && !reading_back_ && now >= read_back_from_ &&
         batcher_.rows() < options_.batch.rows_max && batcher_.bytes() < options_.batch.bytes_max;
}

bool Pipeline::TakeBatch(TimePoint now, Work* work) {
  if (flushing_ >= FlushersAllowed() || !window_->HasFreeSlot()) return false;
  const bool backlog = !left_.empty() && !batcher_.empty();  // more is there than the queue shows
  if (!batcher_.Due(now) && !backlog && !(draining_ && !batcher_.empty())) return false;
  work->batch = batcher_.Take(&target_producers_);
  if (work->batch.blocks.empty()) return false;  // its producer is in a flush that will tell
  if (options_.producers_in_target) {
    work->held = ProducerRanges(work->batch.blocks);
    target_producers_.Hold(work->held);
  }
  work->slot = window_->TakeSlot();
  ++flushing_;
  flushing_since_.insert(work->batch.blocks.front().accepted_at);
  flushing_rows_ += work->batch.pending_rows();
  flushing_bytes_ += work->batch.bytes;
  return true;
}

void Pipeline::SetState(PipelineState state, const std::string& code, ErrorClass error_class) {
  {
    MutexLock lock(mutex_);
    if (status_.state == PipelineState::kStopped) return;  // for good
    const bool changed = status_.state != state;
    status_.state = state;
    if (state != PipelineState::kStopped) status_.reason.clear();
    status_.last_error = code;
    status_.last_error_class =
        error_class == ErrorClass::kNone ? "" : std::string(ErrorClassName(error_class));
    if (!changed) return;
  }
  const LogLevel level = state == PipelineState::kRunning ? LogLevel::kInfo : LogLevel::kWarning;
  Log(level, "pipeline changed state",
      {{"table", options_.label},
       {"state", std::string(PipelineStateName(state))},
       {"code", code}});
}

void Pipeline::RunOpens(std::deque<OpenRequest> opens) {
  // Many may wait for a database that is away: they share its answer, and its time-out.
  absl::Status unreachable;
  for (OpenRequest& open : opens) {
    absl::StatusOr<Schema> opened =
        unreachable.ok() ? OpenOnce(open.shape) : absl::StatusOr<Schema>(unreachable);
    if (absl::IsUnavailable(opened.status())) unreachable = opened.status();
    if (open.callback) open.callback(std::move(opened));
  }
  MutexLock lock(mutex_);
  opening_ = false;
}

absl::StatusOr<Pipeline::Schema> Pipeline::OpenOnce(const std::vector<NewColumn>& shape) {
  absl::StatusOr<TableSchema> described = DescribeAndClaim(shape);
  if (!described.ok()) {
    Log(LogLevel::kWarning, "table cannot be opened",
        {{"table", options_.label},
         {"target", target_->name()},
         {"reason", std::string(described.status().message())}});
    if (absl::IsUnavailable(described.status())) metrics_->ConnectFailed();
    MutexLock lock(mutex_);
    status_.last_error = absl::StatusCodeToString(described.status().code());
    if (status_.state == PipelineState::kOpening) {
      status_.reason = std::string(described.status().message());
    }
    const bool opened = schema_ != nullptr && window_.has_value();
    const bool waits = !absl::IsNotFound(described.status()) || schema_ != nullptr;
    if (!opened && waits) {
      reopen_at_ = clock_->Now() + options_.backoff_max / 4;
    }
    return described.status();
  }
  auto schema = std::make_shared<const TableSchema>(*std::move(described));
  bool opened = false;
  {
    MutexLock lock(mutex_);
    opened = status_.state == PipelineState::kOpening;
    // An unchanged schema keeps its identity, so that batches need not be split.
    if (schema_ == nullptr || !(*schema_ == *schema)) schema_ = schema;
    schema = schema_;
    reopen_at_.reset();
  }
  if (opened) SetState(PipelineState::kRunning, "");
  if (opened) WarnIfWeak(*schema);
  return schema;
}

void Pipeline::WarnIfWeak(const TableSchema& schema) const {
  if (schema.weakness() == TableWeakness::kNone) return;
  Log(LogLevel::kWarning, "rows are written at least once, not exactly once",
      {{"table", options_.label},
       {"target", target_->name()},
       {"reason", std::string(TableWeaknessText(schema.weakness()))}});
}

absl::StatusOr<TableSchema> Pipeline::DescribeAndClaim(const std::vector<NewColumn>& shape) {
  Target::Lease executor = target_->Acquire();
  absl::StatusOr<TableSchema> described = DescribeOrCreate(*executor, shape);
  if (!described.ok()) return described;
  if (absl::Status status = Claim(*executor); !status.ok()) return status;
  return described;
}

absl::StatusOr<TableSchema> Pipeline::DescribeOrCreate(Executor& executor,
                                                       const std::vector<NewColumn>& shape) {
  absl::StatusOr<TableSchema> described = executor.Describe(options_.table, options_.rule);
  const bool missing = absl::IsNotFound(described.status());
  if (missing && options_.create_missing && !shape.empty()) {
    if (absl::Status status = executor.CreateTable(options_.table, KeyedShape(shape));
        !status.ok()) {
      return status;
    }
    Log(LogLevel::kInfo, "table created", {{"table", options_.label}, {"target", target_->name()}});
    return executor.Describe(options_.table, options_.rule);
  }
  if (!described.ok() || !options_.add_columns) return described;

  std::vector<NewColumn> added;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(added),
               [&](const NewColumn& column) { return described->FindColumn(column.name) < 0; });
  if (added.empty()) return described;
  if (absl::Status status = executor.AddColumns(options_.table, added); !status.ok()) {
    return status;
  }
  Log(LogLevel::kInfo, "columns added",
      {{"table", options_.label}, {"columns", absl::StrCat(added.size())}});
  return executor.Describe(options_.table, options_.rule);
}

std::vector<NewColumn> Pipeline::KeyedShape(std::vector<NewColumn> shape) const {
  for (NewColumn& column : shape) {
    column.in_key = std::find(options_.rule.key.begin(), options_.rule.key.end(), column.name) !=
                    options_.rule.key.end();
  }
  return shape;
}

}  // namespace batchsql
