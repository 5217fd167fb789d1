#include "core/journal/journal.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"

namespace batchsql {
namespace {

constexpr Duration kRetryBase = std::chrono::milliseconds(100);
constexpr Duration kRetryMax = std::chrono::seconds(5);
constexpr Duration kDutyRetry = std::chrono::seconds(1);

absl::Status Closed() {
  return absl::UnavailableError("the daemon is stopping: the journal is closed");
}

absl::Status CannotWrite(const absl::Status& status) {
  const std::string text = absl::StrCat("the journal cannot be written: ", status.message());
  return absl::IsResourceExhausted(status) ? absl::ResourceExhaustedError(text)
                                           : absl::UnavailableError(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(Env* env, DiskBudget* disk, Clock* clock,
                                                       Options options) {
  const std::string& directory = options.directory;
  const std::string parent = std::filesystem::path(directory).parent_path().string();
  if (absl::Status status = env->MakeDirectory(directory); !status.ok()) return status;
  absl::Status synced = env->SyncDirectory(parent.empty() ? "." : parent);
  if (!synced.ok()) return synced;
  absl::StatusOr<RecoveredJournal> found =
      RecoverJournal(env, directory, Recover::kForWriting, options.counted_through);
  if (!found.ok()) return found.status();
  for (const std::string& name : found->leftovers) {
    env->Remove(absl::StrCat(directory, "/", name)).IgnoreError();  // else when next in the way
  }
  // What was found is built on from here: its entries must be as safe as its bytes.
  if (synced = env->SyncDirectory(directory); !synced.ok()) return synced;
  if (found->segments.empty()) found->tip.id = options.new_id.value_or(NewUuid());
  if (found->torn_bytes > 0) {
    Log(LogLevel::kInfo, "the journal's torn end was cut, as after a crash",
        {{"directory", directory}, {"bytes", std::to_string(found->torn_bytes)}});
  }
  return std::unique_ptr<Journal>(
      new Journal(env, disk, clock, std::move(options), *std::move(found)));
}

namespace {

JournalState StateOf(const SegmentIndex::Totals& totals, RecoveredJournal found) {
  JournalState state;
  state.id = found.tip.id;
  state.schema = std::move(found.tip.schema);
  state.producers = std::move(found.tip.producers);
  state.claims = std::move(found.tip.claims);
  state.first_lsn = totals.first_lsn;
  state.next_lsn = found.tip.next_lsn;
  state.torn_bytes = found.torn_bytes;
  state.counted = found.counted;
  return state;
}

}  // namespace

Journal::Journal(Env* env, DiskBudget* disk, Clock* clock, Options options, RecoveredJournal found)
    : clock_(clock),
      options_(std::move(options)),
      index_(std::move(found.segments)),
      writer_(env, disk, {options_.directory, options_.segment_bytes, options_.first_segment_bytes},
              found.tip, found.reserve_bytes, &index_),
      reader_(env, options_.directory, found.tip.id, &index_),
      backoff_(kRetryBase, kRetryMax, found.tip.next_lsn),
      duties_from_(clock->Now()),
      reserve_from_(duties_from_),
      last_write_(duties_from_),
      recovered_(StateOf(index_.totals(), std::move(found))),
      next_lsn_(recovered_.next_lsn) {
  writer_.KeepReserve();
}

Journal::~Journal() { Close(clock_->Now()); }

JournalState Journal::TakeRecovered() {
  MutexLock lock(mutex_);
  return std::move(recovered_);
}

void Journal::ObserveSyncs(JournalWriter::SyncObserver observer) {
  writer_.ObserveSyncs(clock_, std::move(observer));
}

void Journal::Start(Synced synced) {
  synced_ = std::move(synced);
  MutexLock lock(mutex_);
  if (closing_) return;
  running_ = true;
  thread_ = std::thread([this] { Run(); });
}

absl::Status Journal::Append(QueuedBlock& block, Urgency urgency) {
  MutexLock lock(mutex_);
  if (closing_) return Closed();
  if (!error_.ok()) return error_;
  const uint64_t numbers = std::max<uint64_t>(1, block.rows.rows());
  if (block.first_lsn() != next_lsn_ || block.last_lsn() != next_lsn_ + numbers - 1) {
    return absl::InternalError(absl::StrCat("LSNs ", block.first_lsn(), " to ", block.last_lsn(),
                                            " for ", block.rows.rows(), " rows, where ", next_lsn_,
                                            " follows"));
  }
  next_lsn_ = block.last_lsn() + 1;
  Push(RequestEntry(std::move(block)), nullptr, urgency);
  return absl::OkStatus();
}

void Journal::Push(JournalEntry entry, Waiter* waiter, Urgency urgency) {
  const bool is_first = pending_.empty();
  if (entry.request.has_value()) pending_bytes_ += entry.request->rows.size_bytes();
  pending_.push_back({std::move(entry), waiter});
  const bool at_once = urgency == Urgency::kAtOnce || pending_bytes_ >= kGatherBytes;
  if (is_first) {
    gather_until_ = at_once ? TimePoint::min() : clock_->Now() + kGatherTime;
    wake_.NotifyOne();
  } else if (at_once) {
    EndGathering();
  }
}

void Journal::Hurry() {
  MutexLock lock(mutex_);
  if (!pending_.empty()) EndGathering();
}

void Journal::EndGathering() {
  if (gather_until_ == TimePoint::min()) return;
  gather_until_ = TimePoint::min();
  wake_.NotifyOne();
}

absl::Status Journal::AppendClaim(const ClaimMark& claim) {
  return AppendAndWait(ClaimEntry(claim));
}

absl::Status Journal::AppendForget(const std::string& producer_id) {
  return AppendNote(ForgetEntry(producer_id));
}

absl::Status Journal::AppendRefused(const std::string& producer_id, uint64_t sequence,
                                    std::vector<RowRejection> refused) {
  return AppendNote(RefusedEntry(producer_id, sequence, std::move(refused)));
}

// Taken also while requests are refused: nobody would try again.
absl::Status Journal::AppendNote(JournalEntry entry) {
  MutexLock lock(mutex_);
  if (closing_) return Closed();
  Push(std::move(entry), nullptr, Urgency::kAtOnce);
  return absl::OkStatus();
}

absl::Status Journal::AppendAndWait(JournalEntry entry) {
  Waiter waiter;
  MutexLock lock(mutex_);
  if (closing_ || !running_) return Closed();
  if (!error_.ok()) return error_;
  Push(std::move(entry), &waiter, Urgency::kAtOnce);
  while (!waiter.done) waiter_done_.Wait(mutex_);
  return waiter.status;
}

absl::StatusOr<std::vector<QueuedBlock>> Journal::Read(Lsn from, uint64_t bytes_max) {
  return reader_.Read(from, bytes_max);
}

void Journal::Trim(Lsn frontier) {
  if (!index_.SetFrontier(frontier, clock_->Now())) return;
  MutexLock lock(mutex_);
  trim_asked_ = true;
  wake_.NotifyOne();
}

Journal::Status Journal::status() const {
  const SegmentIndex::Totals totals = index_.totals();
  MutexLock lock(mutex_);
  Status status;
  status.bytes = totals.bytes;
  status.segments = totals.segments;
  status.first_lsn = totals.first_lsn;
  status.synced_lsn = totals.next_lsn - 1;
  status.failed_syncs = failed_syncs_;
  status.error = std::string(error_.message());
  return status;
}

void Journal::Close(TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    if (closing_) return;
    closing_ = true;
    close_deadline_ = deadline;
    wake_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
  std::vector<Pending> rest;
  {
    MutexLock lock(mutex_);
    rest.swap(pending_);
  }
  Drop(absl::MakeSpan(rest));
  writer_.LetGo();
}

void Journal::Run() {
  std::vector<Pending> group;
  while (AwaitWork(&group)) {
    if (!group.empty()) WriteAll(std::exchange(group, {}));
    DoDuties();
  }
  if (!writer_.tip().marked) WriteMark();
}

bool Journal::AwaitWork(std::vector<Pending>* group) {
  const TimePoint duty = NextDuty();
  MutexLock lock(mutex_);
  for (;;) {
    const TimePoint now = clock_->Now();
    if (!pending_.empty() && (closing_ || now >= gather_until_)) {
      group->swap(pending_);
      pending_bytes_ = 0;
      return true;
    }
    if (closing_) return false;
    if (std::exchange(trim_asked_, false) || now >= duty) return true;
    const TimePoint wake_at = pending_.empty() ? duty : std::min(duty, gather_until_);
    if (wake_at == TimePoint::max()) {
      wake_.Wait(mutex_);
    } else {
      clock_->WaitUntil(wake_, mutex_, wake_at);
    }
  }
}

TimePoint Journal::NextDuty() const {
  TimePoint duty = TimePoint::max();
  if (!writer_.tip().marked) duty = last_write_ + options_.idle_mark;
  if (const auto committed = index_.OldestCommitted()) {
    duty = std::min(duty, *committed + options_.trim_grace);
  }
  const auto last = index_.LastCommitted();
  if (last.has_value() && writer_.can_shrink()) {
    duty = std::min(duty, *last + options_.trim_grace);
  }
  return duty == TimePoint::max() ? duty : std::max(duty, duties_from_);
}

void Journal::DoDuties() {
  const TimePoint now = clock_->Now();
  if (now < duties_from_) return;
  if (!writer_.tip().marked && now >= last_write_ + options_.idle_mark) WriteMark();
  const absl::Status status = writer_.RemoveCommitted(now - options_.trim_grace);
  if (!status.ok()) {
    duties_from_ = now + kDutyRetry;
    Log(LogLevel::kWarning, "old segments of the journal stay for now",
        {{"directory", options_.directory}, {"error", std::string(status.message())}});
  }
  if (now >= reserve_from_ && !writer_.KeepReserve()) reserve_from_ = now + kDutyRetry;
}

// Nothing depends on the mark: an error only delays it.
void Journal::WriteMark() {
  const JournalEntry mark;
  const JournalEntry* const entry = &mark;
  const absl::StatusOr<size_t> written = writer_.Write({&entry, 1});
  if (!written.ok()) duties_from_ = clock_->Now() + kDutyRetry;
}

void Journal::WriteAll(std::vector<Pending> group) {
  size_t done = 0;
  bool tried_again = false;
  while (done < group.size()) {
    std::vector<const JournalEntry*> entries;
    for (size_t i = done; i < group.size(); ++i) entries.push_back(&group[i].entry);
    const absl::StatusOr<size_t> written = writer_.Write(entries);
    last_write_ = clock_->Now();
    if (written.ok()) {
      Note(absl::OkStatus());
      Publish(absl::MakeSpan(group).subspan(done, *written));
      done += *written;
      tried_again = false;
      backoff_.Reset();
      continue;
    }
    // A segment that failed is final; another one may do.
    if (!std::exchange(tried_again, true)) continue;
    const absl::Status error = CannotWrite(written.status());
    Note(error);
    FailWaiters(error, &group, done);
    if (done < group.size() && !AwaitRetry()) {
      Drop(absl::MakeSpan(group).subspan(done));
      return;
    }
  }
  Note(absl::OkStatus());
}

void Journal::Publish(absl::Span<Pending> synced) {
  std::vector<QueuedBlock> requests;
  for (Pending& one : synced) {
    if (one.entry.request.has_value()) requests.push_back(*std::move(one.entry.request));
    if (one.waiter == nullptr) continue;
    MutexLock lock(mutex_);
    Answer(absl::OkStatus(), one.waiter);
  }
  if (!requests.empty()) synced_(std::move(requests));
}

void Journal::Answer(const absl::Status& status, Waiter* waiter) {
  if (waiter == nullptr) return;
  waiter->status = status;
  waiter->done = true;
  waiter_done_.NotifyAll();
}

// Those who wait may try again themselves.
void Journal::FailWaiters(const absl::Status& status, std::vector<Pending>* group, size_t from) {
  MutexLock lock(mutex_);
  const auto begin = group->begin() + static_cast<std::ptrdiff_t>(from);
  for (auto one = begin; one != group->end(); ++one) Answer(status, one->waiter);
  group->erase(
      std::remove_if(begin, group->end(), [](const Pending& one) { return one.waiter != nullptr; }),
      group->end());
}

bool Journal::AwaitRetry() {
  const TimePoint retry = clock_->Now() + backoff_.Next();
  MutexLock lock(mutex_);
  for (;;) {
    const TimePoint now = clock_->Now();
    if (now >= retry || std::exchange(trim_asked_, false)) return true;
    if (closing_ && now >= close_deadline_) return false;
    clock_->WaitUntil(wake_, mutex_, closing_ ? std::min(retry, close_deadline_) : retry);
  }
}

void Journal::Drop(absl::Span<Pending> group) {
  for (Pending& one : group) {
    if (one.entry.request.has_value()) one.entry.request->receipt.Finish({Closed(), {}});
    MutexLock lock(mutex_);
    Answer(Closed(), one.waiter);
  }
}

void Journal::Note(const absl::Status& error) {
  MutexLock lock(mutex_);
  if (error_.ok() && !error.ok()) {
    Log(LogLevel::kError, "requests are refused",
        {{"directory", options_.directory}, {"error", std::string(error.message())}});
  } else if (!error_.ok() && error.ok()) {
    Log(LogLevel::kInfo, "the journal can be written again", {{"directory", options_.directory}});
  }
  error_ = error;
  failed_syncs_ = writer_.failed_syncs();
}

}  // namespace batchsql
