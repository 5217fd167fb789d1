// The part of Pipeline that lists producers and forgets them: those that a person names, and those
// that have been silent for long.

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/log.h"
#include "core/pipeline.h"

namespace batchsql {
namespace {

// Producers that are looked at under one lock.
constexpr size_t kLookedAtOnce = 1000;

constexpr Duration kExpiryIntervalMax = std::chrono::hours(1);
constexpr int kLooksInMemory = 8;

// A dead letter's replay is forgotten by its letter.
bool IsReplay(const Producers::Summary& producer) {
  return producer.producer_id.starts_with(kReplayProducerPrefix);
}

}  // namespace

// A repetition of what is not committed yet must still be known.
bool Pipeline::IsSettled(const Producers::Summary& producer) const {
  return window_.has_value() && window_->IsCommitted(producer.last_lsn);
}

// Its open streams go on. Under the lock that numbers requests, so that the journal has both in one
// order.
void Pipeline::Forget(const std::string& producer_id) {
  producers_.Forget(producer_id);
  if (journal_ != nullptr) journal_->AppendForget(producer_id).IgnoreError();  // else brought back
}

std::vector<Pipeline::KnownProducer> Pipeline::ListProducers(const std::string& after,
                                                             size_t limit) const {
  std::vector<KnownProducer> known;
  std::string from = after;
  MutexLock lock(mutex_);
  while (known.size() < limit) {
    const std::vector<Producers::Summary> page = producers_.List(from, limit);
    for (const Producers::Summary& producer : page) {
      if (IsReplay(producer) || known.size() == limit) continue;
      known.push_back(
          {producer.producer_id, producer.last_sequence, producer.time_ms, !IsSettled(producer)});
    }
    if (page.size() < limit) break;
    from = page.back().producer_id;
  }
  return known;
}

Pipeline::Forgotten Pipeline::ForgetProducers(absl::Span<const std::string> producer_ids) {
  Forgotten result;
  {
    MutexLock lock(mutex_);
    for (const std::string& id : producer_ids) {
      const std::optional<Producers::Summary> producer = producers_.Find(id);
      if (!producer.has_value() || IsReplay(*producer)) {
        result.unknown.push_back(id);
      } else if (!IsSettled(*producer)) {
        result.waiting.push_back(id);
      } else {
        Forget(id);
        ++result.forgotten;
      }
    }
  }
  Log(LogLevel::kInfo, "producers were removed",
      {{"table", options_.label}, {"producers", absl::StrCat(result.forgotten)}});
  return result;
}

bool Pipeline::MustExpire(TimePoint now) {
  if (!expire_at_.has_value() || now < *expire_at_) return false;
  expire_at_ = now + std::min(options_.producer_memory / kLooksInMemory, kExpiryIntervalMax);
  return true;
}

void Pipeline::ExpireProducers() {
  const auto memory =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.producer_memory);
  const int64_t before_ms = absl::ToUnixMillis(absl::Now()) - memory.count();
  std::string after;
  uint64_t expired = 0;
  while (true) {
    MutexLock lock(mutex_);
    const std::vector<Producers::Summary> page = producers_.List(after, kLookedAtOnce);
    for (const Producers::Summary& producer : page) {
      const bool silent = static_cast<int64_t>(producer.time_ms) < before_ms;
      if (!silent || IsReplay(producer) || !IsSettled(producer)) continue;
      Forget(producer.producer_id);
      ++expired;
    }
    if (page.size() < kLookedAtOnce) break;
    after = page.back().producer_id;
  }
  if (expired == 0) return;
  Log(LogLevel::kInfo, "silent producers are forgotten",
      {{"table", options_.label}, {"producers", absl::StrCat(expired)}});
}

}  // namespace batchsql
