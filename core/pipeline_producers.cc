// The part of Pipeline that keeps producers' positions in the target (`producers: target`): moves
// them with their rows, leaves out what another daemon committed, and looks them up for clients.

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_flush.h"

namespace batchsql {
namespace {

// How long a client's question waits for a connection that flushes have in use.
constexpr std::chrono::seconds kLookupWaitMax{5};

}  // namespace

bool Pipeline::KeepsInTarget(std::string_view producer_id) const {
  return options_.producers_in_target && IsKeptInTarget(producer_id);
}

void Pipeline::OpenSession(const std::string& producer_id, SessionCallback callback) {
  if (lookups_ == nullptr || !KeepsInTarget(producer_id)) {
    callback(NewSession(producer_id));
    return;
  }
  // Always: the producer may have been at another daemon.
  LookUp(producer_id,
         [this, producer_id, callback = std::move(callback)](const absl::Status& known) mutable {
           if (known.ok()) {
             callback(NewSession(producer_id));
           } else {
             callback(known);
           }
         });
}

Pipeline::Session Pipeline::NewSession(const std::string& producer_id) {
  MutexLock lock(mutex_);
  const uint64_t id = next_session_++;
  Sessions& sessions = sessions_[producer_id];
  sessions.newest = id;
  ++sessions.open;
  const uint64_t committed = target_producers_.position(producer_id).value_or(0);
  return {id, std::max(producers_.last_sequence(producer_id), committed), committed};
}

void Pipeline::CloseSession(const std::string& producer_id) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(producer_id);
  if (found != sessions_.end() && --found->second.open == 0) sessions_.erase(found);
}

void Pipeline::LookUp(const std::string& producer_id, LookUpCallback callback) {
  lookups_->Ask(producer_id, [this, producer_id,
                              callback = std::move(callback)](const absl::Status& read) mutable {
    if (!read.ok() && JournalKnows(producer_id)) {
      callback(absl::OkStatus());
    } else {
      callback(read);
    }
  });
}

// Then it answers while the database is away: whatever another daemon committed is left out later.
bool Pipeline::JournalKnows(const std::string& producer_id) const {
  MutexLock lock(mutex_);
  return journal_ != nullptr && !draining_ && producers_.last_sequence(producer_id) != 0;
}

bool Pipeline::MustLookUp(const QueuedBlock& request) const {
  const RequestAnswer& answer = request.answer;
  // A stream's producer was looked up when it was opened.
  if (lookups_ == nullptr || request.session != 0 || !KeepsInTarget(answer.producer_id)) {
    return false;
  }
  MutexLock lock(mutex_);
  const Producers::Verdict verdict =
      producers_.Look(answer.producer_id, answer.sequence, answer.digest).verdict;
  if (verdict == Producers::Verdict::kDuplicate || verdict == Producers::Verdict::kOther) {
    return false;
  }
  const std::optional<uint64_t> committed = target_producers_.position(answer.producer_id);
  if (!committed.has_value()) return true;
  // What misses may have gone through another daemon.
  const uint64_t last = std::max(producers_.last_sequence(answer.producer_id), *committed);
  return last != 0 && answer.sequence > last + 1 && !request.resumes;
}

// Called by the lookups' thread.
absl::Status Pipeline::ReadPositions(absl::Span<const std::string> producer_ids) {
  std::optional<Target::Lease> executor =
      target_->AcquireUntil(std::chrono::steady_clock::now() + kLookupWaitMax);
  if (!executor.has_value()) {
    return absl::UnavailableError(
        "no connection is free to ask the database for the producer's position");
  }
  const absl::StatusOr<std::vector<ProducerMove>> found =
      (*executor)->ReadProducers(options_.table, producer_ids);
  if (!found.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the producer's position cannot be read from the database: ",
                     std::string(found.status().message())));
  }
  MutexLock lock(mutex_);
  absl::flat_hash_map<absl::string_view, uint64_t> positions;
  for (const ProducerMove& producer : *found) positions[producer.producer_id] = producer.after;
  for (const std::string& id : producer_ids) {
    const auto position = positions.find(id);
    target_producers_.Learn(id, position == positions.end() ? 0 : position->second);
  }
  return absl::OkStatus();
}

// What the target adds to the pipeline's own word on a request that it would take or refuse.
absl::Status Pipeline::JudgeByTarget(const QueuedBlock& request,
                                     Producers::Position* position) const {
  using Verdict = Producers::Verdict;
  const RequestAnswer& answer = request.answer;
  const bool held =
      position->verdict == Verdict::kDuplicate || position->verdict == Verdict::kOther;
  if (held || !KeepsInTarget(answer.producer_id)) return absl::OkStatus();
  const uint64_t own = producers_.last_sequence(answer.producer_id);
  const std::optional<uint64_t> committed = target_producers_.position(answer.producer_id);
  if (!committed.has_value()) {
    const bool misses = position->verdict == Verdict::kGap && !request.resumes;
    if (own != 0 && !misses) return absl::OkStatus();
    return absl::UnavailableError(
        "the producer's position in the database is not known; repeat the request");
  }
  if (answer.sequence <= *committed) {
    return absl::OutOfRangeError(absl::StrCat("sequence ", answer.sequence,
                                              " is committed (or was given up), and its answer is "
                                              "not held here; ",
                                              std::max(own, *committed) + 1, " comes next"));
  }
  if (*committed > own) {
    position->expected = *committed + 1;
    position->verdict = answer.sequence == position->expected ? Verdict::kNext : Verdict::kGap;
  }
  return absl::OkStatus();
}

// Takes the producers' moves for the next attempt, and drops what is committed already.
absl::Status Pipeline::PrepareMoves(Flush& flush) {
  const std::vector<ProducerRange> ranges = ProducerRanges(flush.batch.blocks);
  std::vector<std::string> unread;
  {
    MutexLock lock(mutex_);
    unread = target_producers_.MustRead(ranges);
    if (unread.empty()) {
      flush.moves = target_producers_.Moves(ranges);
      return absl::OkStatus();
    }
  }
  const absl::StatusOr<std::vector<ProducerMove>> found = [&] {
    Target::Lease executor = target_->Acquire();
    return executor->ReadProducers(options_.table, unread);
  }();
  if (!found.ok()) return found.status();
  uint64_t dropped = 0;
  {
    // Together: a position that another look raises in between would be neither dropped nor moved.
    MutexLock lock(mutex_);
    for (const std::string& id : unread) target_producers_.Refresh(id, 0);
    for (const ProducerMove& producer : *found) {
      target_producers_.Refresh(producer.producer_id, producer.after);
    }
    dropped = DropCommitted(flush);
    flush.moves = target_producers_.Moves(ranges);
  }
  if (dropped > 0) {
    Log(LogLevel::kWarning, "requests are in the table already, and are not written again",
        {{"table", options_.label}, {"rows", absl::StrCat(dropped)}});
  }
  return absl::OkStatus();
}

// The requests stay, without rows: their LSNs are committed with the batch.
uint64_t Pipeline::DropCommitted(Flush& flush) {
  uint64_t dropped = 0;
  uint64_t rows = 0;
  uint64_t letters = 0;
  uint64_t bytes = 0;
  for (QueuedBlock& block : flush.batch.blocks) {
    const RequestAnswer& answer = block.answer;
    if (!IsKeptInTarget(answer.producer_id)) continue;
    if (answer.sequence > target_producers_.position(answer.producer_id).value_or(0)) continue;
    rows += block.rows.rows();
    letters += block.letters.size();
    bytes += block.rows.size_bytes();
    block.deduplicated += block.rows.rows() + block.letters.size();
    block.rows = RowBlock();
    bytes -= block.rows.size_bytes();
    block.refused.clear();
    block.letters.clear();
  }
  dropped = rows + letters;
  flush.batch.rows -= rows;
  flush.batch.refused -= letters;
  flush.batch.deduplicated += dropped;
  flush.batch.bytes -= bytes;
  flushing_bytes_ -= bytes;
  return dropped;
}

// nullopt: the flush may go on.
std::optional<DatabaseError> Pipeline::PrepareProducers(Flush& flush) {
  if (!options_.producers_in_target) return std::nullopt;
  const absl::Status status = PrepareMoves(flush);
  if (status.ok()) return std::nullopt;
  const bool away = absl::IsUnavailable(status);
  return DatabaseError{away ? ErrorClass::kReconnect : ErrorClass::kPause, "producers",
                       std::string(status.message())};
}

void Pipeline::NoteMoves(const Flush& flush, WriteOutcome::Kind kind) {
  if (flush.moves.empty()) return;
  MutexLock lock(mutex_);
  if (kind == WriteOutcome::Kind::kCommitted) {
    target_producers_.Committed(flush.moves);
  } else {
    target_producers_.Doubt(flush.moves);
  }
}

// Another daemon wrote a producer's requests: at once again, from where it stands now.
Pipeline::AttemptResult Pipeline::HandleProducerMoved(Flush& flush) {
  Log(LogLevel::kWarning, "another daemon moved a producer's position",
      {{"table", options_.label}});
  if (flush.producers_moved++ == 0) return AttemptResult::kAgain;
  return Retry(flush, {ErrorClass::kReconnect, "producer_moved", ""});
}

}  // namespace batchsql
