#include "core/periodic.h"

#include <utility>

namespace batchsql {

Periodic::Periodic(Duration interval, absl::AnyInvocable<void()> call)
    : interval_(interval), call_(std::move(call)), thread_([this] { Run(); }) {}

Periodic::~Periodic() {
  {
    MutexLock lock(mutex_);
    ended_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void Periodic::Run() {
  while (true) {
    {
      MutexLock lock(mutex_);
      const TimePoint due = std::chrono::steady_clock::now() + interval_;
      while (!ended_ && std::chrono::steady_clock::now() < due) wake_.WaitUntil(mutex_, due);
      if (ended_) return;
    }
    call_();
  }
}

}  // namespace batchsql
