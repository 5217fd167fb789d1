// The part of Pipeline that keeps its counts over restarts, and compares them with the target.

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/log.h"
#include "core/pipeline.h"

namespace batchsql {
namespace {

constexpr uint64_t kMsPerMinute = 60'000;

uint64_t NowMs() { return static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())); }
uint64_t NowMinute() { return NowMs() / kMsPerMinute; }

}  // namespace

// What an earlier process of the same identity saved, and the journal behind it.
void Pipeline::RecoverLedger(const IntakeTotals& journaled) {
  intake_before_ = journaled;
  if (ledger_file_ == nullptr) return;
  saved_through_ = 0;
  const std::optional<LedgerRecord>& saved = ledger_file_->saved();
  if (!saved.has_value() || saved->pipeline != id_) return;
  intake_before_ += saved->intake;
  ended_ = saved->ended;
  slot_totals_ = saved->slots;
  saved_minute_ = saved->time_ms / kMsPerMinute;
  saved_through_ = std::min(saved->through, synced_lsn_);
  known_frontier_ = std::min(saved->frontier, synced_lsn_);
  left_.next = std::max(left_.next, known_frontier_ + 1);
}

IntakeTotals Pipeline::CountIntake() const {
  IntakeTotals totals = intake_before_;
  totals += {status_.received_rows, status_.replayed_rows, status_.rejected_rows,
             status_.deduplicated_rows, status_.lost_rows};
  return totals;
}

// The first claim tells what was committed after the earlier process had saved its counts.
void Pipeline::AdoptTotals(bool is_first) {
  const SlotTotals totals = window_->totals();
  if (is_first && saved_minute_ != 0 && totals.lsns > slot_totals_.lsns) {
    ended_.Add(saved_minute_,
               {totals.committed - slot_totals_.committed, totals.refused - slot_totals_.refused});
  }
  slot_totals_ = totals;
  known_frontier_ = window_->frontier();
}

void Pipeline::CountEnded(uint64_t committed, uint64_t others) {
  const uint64_t now = NowMinute();
  ended_.SetNow(now);
  ended_.Add(now, {committed, others});
}

EndedRows::Counts Pipeline::ended_last_hour() const {
  EndedRows ended;
  {
    MutexLock lock(mutex_);
    ended = ended_;
  }
  const uint64_t now = NowMinute();
  ended.SetNow(now);
  return ended.Sum(now);
}

// When the rows of those letters were refused that are live now.
std::vector<uint64_t> Pipeline::LiveTimes(absl::Span<const uint64_t> letter_ids) const {
  std::vector<uint64_t> times_ms;
  for (const uint64_t id : letter_ids) {
    const absl::StatusOr<LetterStore::Kept> kept = letters_->Get(id);
    if (!kept.ok() || kept->state != LetterState::kLive) continue;
    times_ms.push_back(kept->letter.time_ms);
  }
  return times_ms;
}

void Pipeline::Forgive(uint64_t letter_time_ms) { ended_.Forgive(letter_time_ms / kMsPerMinute); }

// As of the journal: what it has not synced may never be there.
LedgerRecord Pipeline::MakeRecord() const {
  LedgerRecord record;
  record.pipeline = id_;
  record.through = synced_lsn_;
  record.frontier = window_.has_value() ? window_->frontier() : known_frontier_;
  record.intake = CountIntake();
  record.intake -= syncing_intake_;
  record.slots = window_.has_value() ? window_->totals() : slot_totals_;
  record.ended = ended_;
  return record;
}

// Segments whose requests are not counted in the file are kept.
Lsn Pipeline::TrimmableLsn() const {
  return window_.has_value() ? std::min(window_->frontier(), saved_through_) : 0;
}

void Pipeline::SaveLedger() {
  LedgerRecord record;
  {
    MutexLock lock(mutex_);
    if (ledger_file_ == nullptr || saving_) return;
    record = MakeRecord();
    saving_ = true;
  }
  WriteLedger(record);
}

// When nothing more is counted.
void Pipeline::SaveLastLedger() {
  LedgerRecord record;
  {
    MutexLock lock(mutex_);
    if (ledger_file_ == nullptr) return;
    while (saving_) wake_.Wait(mutex_);
    saving_ = true;
    record = MakeRecord();
  }
  WriteLedger(record);
}

void Pipeline::WriteLedger(LedgerRecord record) {
  absl::Status status;
  record.time_ms = ledger_file_->saved().value_or(LedgerRecord()).time_ms;
  const bool changed = record != ledger_file_->saved().value_or(LedgerRecord());
  if (changed) {
    record.time_ms = NowMs();
    status = ledger_file_->Save(record);
    if (!status.ok()) {
      Log(LogLevel::kWarning, "the ledger cannot be saved",
          {{"table", options_.label}, {"reason", std::string(status.message())}});
    }
  }
  Lsn trim = 0;
  {
    MutexLock lock(mutex_);
    saving_ = false;
    wake_.NotifyAll();
    // Rows come before their counts: without a file, space is given back all the same.
    saved_through_ = status.ok() ? record.through : UINT64_MAX;
    trim = TrimmableLsn();
  }
  if (changed && trim > 0) journal_->Trim(trim);
}

absl::StatusOr<AuditReport> Pipeline::Audit() {
  if (has_journal_ && journal_ == nullptr) {
    return absl::FailedPreconditionError("the pipeline is stopped: its journal cannot be read");
  }
  Target::Lease executor = target_->Acquire();
  const absl::StatusOr<TableSchema> schema = executor->Describe(options_.table, options_.rule);
  if (!schema.ok()) return schema.status();
  const absl::StatusOr<TableContents> contents =
      executor->ReadContents(id_, *schema, options_.exclusive);
  if (!contents.ok()) return contents.status();
  AuditReport report =
      JudgeContents(*contents, {schema->conflict(), options_.exclusive, has_journal_});
  report.pipeline = id_;
  MutexLock lock(mutex_);
  report.intake = CountIntake();
  return report;
}

}  // namespace batchsql
