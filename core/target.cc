#include "core/target.h"

#include <algorithm>
#include <utility>

namespace batchsql {

Target::Target(std::string name, std::string kind, uint32_t connections_max,
               ExecutorFactory factory)
    : name_(std::move(name)),
      kind_(std::move(kind)),
      connections_max_(connections_max),
      factory_(std::move(factory)) {}

Target::Lease::~Lease() {
  if (executor_ != nullptr) target_->GiveBack(std::move(executor_), was_open_);
}

Target::Lease Target::Acquire() {
  MutexLock lock(mutex_);
  while (leased_ == connections_max_) given_back_.Wait(mutex_);
  return Take();
}

std::optional<Target::Lease> Target::AcquireUntil(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (leased_ == connections_max_) {
    if (std::chrono::steady_clock::now() >= deadline) {
      given_back_.NotifyOne();  // the notice may have been for somebody else
      return std::nullopt;
    }
    given_back_.WaitUntil(mutex_, deadline);
  }
  return Take();
}

Target::Lease Target::Take() {
  ++leased_;
  std::unique_ptr<Executor> executor;
  const auto open =
      std::find_if(idle_.begin(), idle_.end(), [](const auto& idle) { return idle->connected(); });
  const bool was_open = open != idle_.end();
  if (was_open) {
    executor = std::move(*open);
    idle_.erase(open);
    ++leased_open_;
  } else if (!idle_.empty()) {
    executor = std::move(idle_.back());
    idle_.pop_back();
  } else {
    executor = factory_();
  }
  return {this, std::move(executor), was_open};
}

void Target::GiveBack(std::unique_ptr<Executor> executor, bool was_open) {
  MutexLock lock(mutex_);
  --leased_;
  leased_open_ -= was_open ? 1 : 0;
  idle_.push_back(std::move(executor));
  given_back_.NotifyOne();
}

uint32_t Target::connections() const {
  MutexLock lock(mutex_);
  const auto idle_open =
      std::count_if(idle_.begin(), idle_.end(), [](const auto& idle) { return idle->connected(); });
  return leased_open_ + static_cast<uint32_t>(idle_open);
}

}  // namespace batchsql
