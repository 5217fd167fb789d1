// The part of Pipeline that decides what follows a failed attempt: waits, probes, smaller batches.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_flush.h"

namespace batchsql {
namespace {

constexpr int kFailuresBeforeHalving = 3;
constexpr int kUnknownErrorsBeforePause = 5;

}  // namespace

Pipeline::AttemptResult Pipeline::HandleFailure(Flush& flush, const DatabaseError& error) {
  if (std::exchange(flush.order_due, false)) {
    return Retry(flush, {ErrorClass::kReconnect, "order", "", RejectReason::kNone, ""});
  }
  Log(LogLevel::kWarning, "flush failed",
      {{"table", options_.label},
       {"class", std::string(ErrorClassName(error.error_class))},
       {"code", error.code},
       {"reason", error.message},
       {"rows", absl::StrCat(flush.batch.rows)}});
  switch (error.error_class) {
    case ErrorClass::kRetry:
    case ErrorClass::kReconnect:
      return Retry(flush, error);
    case ErrorClass::kPause:
      return Probe(flush, error);
    case ErrorClass::kFatal:
      return Stop(flush, error);
    default:
      return ++flush.unknown_errors <= kUnknownErrorsBeforePause ? Retry(flush, error)
                                                                 : Probe(flush, error);
  }
}

Pipeline::AttemptResult Pipeline::Retry(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kRetrying, error.code, error.error_class);
  // A connection that is away says nothing about the batch's size.
  const bool about_size = error.error_class == ErrorClass::kRetry;
  if (about_size && ++flush.failures % kFailuresBeforeHalving == 0) Halve(flush);
  if (WaitBeforeRetry(flush.backoff.Next())) return AttemptResult::kAgain;
  AnswerFlush(flush, StoppingStatus());
  return AttemptResult::kAnswered;
}

Pipeline::AttemptResult Pipeline::Probe(Flush& flush, const DatabaseError& error) {
  SetState(PipelineState::kPaused, error.code, error.error_class);
  if (!WaitBeforeRetry(flush.probes.Next(), flush.decisions_seen)) {
    AnswerFlush(flush, StoppingStatus());
    return AttemptResult::kAnswered;
  }
  Redescribe(flush);
  return AttemptResult::kAgain;
}

Pipeline::AttemptResult Pipeline::Stop(Flush& flush, const DatabaseError& error) {
  {
    MutexLock lock(mutex_);
    if (status_.state != PipelineState::kStopped) {
      status_.stop_kind = StopKind::kDatabase;
      status_.reason = error.code;
    }
  }
  SetState(PipelineState::kStopped, error.code, error.error_class);
  AnswerIfStopped(flush);
  return AttemptResult::kAnswered;
}

// Puts the second half of the blocks back in front of the queue.
void Pipeline::Halve(Flush& flush) {
  std::vector<QueuedBlock>& blocks = flush.batch.blocks;
  if (blocks.size() < 2) return;
  const auto middle = blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2);
  std::vector<QueuedBlock> second(std::make_move_iterator(middle),
                                  std::make_move_iterator(blocks.end()));
  blocks.erase(middle, blocks.end());
  uint64_t rows = 0;
  uint64_t refused = 0;
  uint64_t deduplicated = 0;
  uint64_t bytes = 0;
  for (const QueuedBlock& block : second) {
    rows += block.rows.rows();
    refused += block.letters.size();
    deduplicated += block.deduplicated;
    bytes += block.rows.size_bytes();
  }
  flush.batch.rows -= rows;
  flush.batch.refused -= refused;
  flush.batch.deduplicated -= deduplicated;
  flush.batch.bytes -= bytes;
  MutexLock lock(mutex_);
  flushing_rows_ -= rows + refused + deduplicated;
  flushing_bytes_ -= bytes;
  batcher_.PutBack(std::move(second));
}

}  // namespace batchsql
