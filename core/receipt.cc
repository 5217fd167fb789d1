#include "core/receipt.h"

#include <atomic>
#include <utility>

#include "core/log.h"

namespace batchsql {
namespace {

std::atomic<uint64_t> abandoned{0};

}  // namespace

// Not inline: where GCC 12 sees a small lambda move in, it warns of the unused bytes of its
// storage.
Receipt::Receipt(Listener listener) : listener_(std::move(listener)) {}

Receipt& Receipt::operator=(Receipt&& other) noexcept {
  if (this != &other) {
    Abandon();
    listener_ = std::exchange(other.listener_, nullptr);
  }
  return *this;
}

void Receipt::Journaled() {
  if (listener_) listener_(AckLevel::kJournal, {});
}

void Receipt::Left() {
  RequestOutcome outcome;
  outcome.untold = true;
  if (listener_) std::exchange(listener_, nullptr)(AckLevel::kJournal, outcome);
}

void Receipt::Finish(const RequestOutcome& outcome) {
  if (listener_) std::exchange(listener_, nullptr)(AckLevel::kDatabase, outcome);
}

void Receipt::Abandon() {
  if (!listener_) return;
  abandoned.fetch_add(1, std::memory_order_relaxed);
  Log(LogLevel::kError, "a request was dropped unanswered; please report this bug");
  Finish({absl::InternalError("the request was dropped; its rows may or may not be written"), {}});
}

uint64_t Receipt::abandoned_total() { return abandoned.load(std::memory_order_relaxed); }

}  // namespace batchsql
