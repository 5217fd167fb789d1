#include "core/dead_letters/target_letters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/executor.h"

namespace batchsql {
namespace {

constexpr uint64_t kIdMax = INT64_MAX;

LetterRow RowOf(const DeadLetter& letter) {
  std::string bytes;
  AppendLetter(letter, &bytes);
  return {letter.id,     LetterState::kLive, letter.time_ms,           letter.reason,
          letter.column, letter.code,        absl::Base64Escape(bytes)};
}

absl::StatusOr<LetterStore::Kept> KeptOf(const LetterRow& row) {
  std::string bytes;
  if (!absl::Base64Unescape(row.letter, &bytes)) {
    return absl::DataLossError(absl::StrCat("batchsql_dead_letters: letter ", row.id, " is bad"));
  }
  absl::StatusOr<DeadLetter> letter = ParseLetter(bytes);
  if (!letter.ok()) return letter.status();
  return LetterStore::Kept{row.state, *std::move(letter)};
}

}  // namespace

void TargetLetters::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  budget_->Release(std::exchange(totals_.bytes, 0));
  for (const auto& [attempt, pending] : pending_) budget_->Release(pending.added.bytes);
  pending_.clear();
}

absl::Status TargetLetters::Keep(uint64_t attempt, std::vector<DeadLetter> letters) {
  if (letters.empty()) return absl::OkStatus();
  std::vector<LetterRow> rows;
  uint64_t bytes = 0;
  for (DeadLetter& letter : letters) {
    letter.attempt = attempt;
    rows.push_back(RowOf(letter));
    bytes += rows.back().bytes();
  }
  MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the pipeline has ended");
  if (!budget_->TryReserve(bytes)) {
    short_ = true;
    return absl::ResourceExhaustedError("limits.letters_bytes_max is used up");
  }
  if (!pending_.contains(attempt)) ++attempts_;
  Pending& pending = pending_[attempt];
  pending.added.bytes += bytes;
  pending.added.live += rows.size();
  for (LetterRow& row : rows) {
    ++pending.added.live_by_reason[row.reason];
    pending.rows.push_back(std::move(row));
  }
  return absl::OkStatus();
}

LetterChanges TargetLetters::TakeChanges(uint64_t attempt, absl::Span<const uint64_t> replayed) {
  MutexLock lock(mutex_);
  auto pending = pending_.find(attempt);
  if (pending == pending_.end()) {
    if (replayed.empty()) return {};
    ++attempts_;
    pending = pending_.try_emplace(attempt).first;
  }
  pending->second.replays |= !replayed.empty();
  return {std::exchange(pending->second.rows, {}), {replayed.begin(), replayed.end()}};
}

absl::Status TargetLetters::Confirm(uint64_t attempt) {
  {
    MutexLock lock(mutex_);
    const auto pending = pending_.find(attempt);
    if (pending == pending_.end()) return absl::OkStatus();
    const Totals& added = pending->second.added;
    totals_.live += added.live;
    totals_.bytes += added.bytes;
    for (const auto& [reason, count] : added.live_by_reason) {
      totals_.live_by_reason[reason] += count;
    }
    stale_ |= pending->second.replays;
    pending_.erase(pending);
    if (!stale_) return absl::OkStatus();
  }
  CountAgain();
  return absl::OkStatus();
}

// The next attempt counts again, and makes the table where it is missing.
void TargetLetters::Drop(uint64_t attempt) {
  MutexLock lock(mutex_);
  const auto pending = pending_.find(attempt);
  if (pending == pending_.end()) return;
  budget_->Release(pending->second.added.bytes);
  pending_.erase(pending);
  stale_ = true;
}

void TargetLetters::Prepare() {
  bool is_short = false;
  {
    MutexLock lock(mutex_);
    if (!stale_ && !short_) return;
    is_short = std::exchange(short_, false);
    stale_ = true;
  }
  if (is_short) {
    LetterSelection replayed;
    replayed.only_replayed = true;
    Target::Lease executor = target_->Acquire();
    executor->PurgeLetters(pipeline_, replayed).IgnoreError();  // the next attempt tells
  }
  CountAgain();
}

absl::Status TargetLetters::Load(Executor& executor) {
  const absl::StatusOr<std::vector<LetterCount>> counts = executor.CountLetters(pipeline_);
  if (!counts.ok()) return counts.status();
  MutexLock lock(mutex_);
  // Attempts that were fenced: what of them is committed was counted.
  for (const auto& [attempt, pending] : pending_) budget_->Release(pending.added.bytes);
  pending_.clear();
  Adopt(*counts);
  return absl::OkStatus();
}

// Only where no attempt is under way, whose letters might be counted twice; else, and after an
// error, the totals stay as they are until the next time.
void TargetLetters::CountAgain() {
  uint64_t attempts = 0;
  {
    MutexLock lock(mutex_);
    if (!pending_.empty()) return;
    attempts = attempts_;
  }
  const absl::StatusOr<std::vector<LetterCount>> counts =
      target_->Acquire()->CountLetters(pipeline_);
  MutexLock lock(mutex_);
  if (counts.ok() && attempts == attempts_) Adopt(*counts);
}

void TargetLetters::Adopt(const std::vector<LetterCount>& counts) {
  Totals totals;
  for (const LetterCount& count : counts) {
    totals.bytes += count.bytes;
    if (count.state == LetterState::kReplayed) {
      totals.replayed += count.count;
    } else {
      totals.live += count.count;
      totals.live_by_reason[count.reason] += count.count;
    }
  }
  if (closed_) totals.bytes = 0;
  budget_->Add(totals.bytes);
  budget_->Release(totals_.bytes);
  totals_ = std::move(totals);
  stale_ = false;
}

absl::StatusOr<LetterStore::Page> TargetLetters::List(const LetterQuery& query) {
  LetterQuery asked = query;
  asked.after_id = std::min(query.after_id, kIdMax);
  const absl::StatusOr<LetterPage> read = target_->Acquire()->ReadLetters(pipeline_, asked);
  if (!read.ok()) return read.status();
  Page page;
  page.more = read->more;
  for (const LetterRow& row : read->rows) {
    absl::StatusOr<Kept> kept = KeptOf(row);
    if (!kept.ok()) return kept.status();
    page.letters.push_back(*std::move(kept));
  }
  CountAgain();
  return page;
}

absl::StatusOr<LetterStore::Kept> TargetLetters::Get(uint64_t id) {
  const absl::Status none = absl::NotFoundError(absl::StrCat("no dead letter ", id));
  if (id == 0 || id > kIdMax) return none;
  LetterQuery query;
  query.after_id = id - 1;
  query.limit = 1;
  query.replayed = true;
  const absl::StatusOr<LetterPage> read = target_->Acquire()->ReadLetters(pipeline_, query);
  if (!read.ok()) return read.status();
  if (read->rows.empty() || read->rows.front().id != id) return none;
  return KeptOf(read->rows.front());
}

absl::StatusOr<uint64_t> TargetLetters::Purge(const LetterSelection& selection) {
  LetterSelection asked = selection;
  std::erase_if(asked.ids, [](uint64_t id) { return id > kIdMax; });
  if (asked.ids.empty() && !selection.ids.empty()) return 0;
  if (asked.before_time_ms.has_value())
    asked.before_time_ms = std::min(*asked.before_time_ms, kIdMax);
  absl::StatusOr<uint64_t> purged = target_->Acquire()->PurgeLetters(pipeline_, asked);
  {
    MutexLock lock(mutex_);
    stale_ = true;
  }
  CountAgain();
  return purged;
}

LetterStore::Totals TargetLetters::totals() const {
  MutexLock lock(mutex_);
  return totals_;
}

}  // namespace batchsql
