#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/mutex.h"

namespace batchsql {

// A database that pipelines write to: its name and a bounded number of connections, leased for one
// flush at a time. Thread-safe; outlives its leases.
class Target {
 public:
  using ExecutorFactory = absl::AnyInvocable<std::unique_ptr<Executor>()>;

  // `kind` is `postgresql`, `mysql` or `sqlite`; `connections_max` ≥ 1.
  Target(std::string name, std::string kind, uint32_t connections_max, ExecutorFactory factory);

  // Exclusive use of one connection, given back on destruction.
  class Lease {
   public:
    Lease(Lease&&) = default;
    ~Lease();
    Executor* operator->() const { return executor_.get(); }
    Executor& operator*() const { return *executor_; }

   private:
    friend class Target;
    Lease(Target* target, std::unique_ptr<Executor> executor, bool was_open)
        : target_(target), executor_(std::move(executor)), was_open_(was_open) {}
    Target* target_;
    std::unique_ptr<Executor> executor_;
    bool was_open_;
  };

  // Waits while all connections are in use: as long as the longest flush of another pipeline, which
  // the drivers' own timeouts bound. Prefers a connection that is open.
  Lease Acquire();
  // As Acquire, no longer than until then; nullopt: all were in use all the time.
  std::optional<Lease> AcquireUntil(TimePoint deadline);

  const std::string& name() const { return name_; }
  const std::string& kind() const { return kind_; }
  uint32_t connections_max() const { return connections_max_; }
  // Open now; a connection in use counts as it was when it was leased.
  uint32_t connections() const;

 private:
  Lease Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBack(std::unique_ptr<Executor> executor, bool was_open);

  const std::string name_;
  const std::string kind_;
  const uint32_t connections_max_;
  mutable Mutex mutex_;
  CondVar given_back_;
  ExecutorFactory factory_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Executor>> idle_ ABSL_GUARDED_BY(mutex_);
  uint32_t leased_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t leased_open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace batchsql
