#include "server/grpc/call_queue.h"

#include <utility>

namespace batchsql {

CallQueue::CallQueue() : thread_([this] { Run(); }) {}

CallQueue::~CallQueue() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    wake_.NotifyOne();
  }
  thread_.join();
}

bool CallQueue::Add(Call& call) {
  MutexLock lock(mutex_);
  if (closed_ || calls_.size() >= kCallsMax) return false;
  calls_.push_back(std::move(call));
  wake_.NotifyOne();
  return true;
}

void CallQueue::Run() {
  while (true) {
    Call call;
    {
      MutexLock lock(mutex_);
      while (calls_.empty() && !closed_) wake_.Wait(mutex_);
      if (calls_.empty()) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    call();
  }
}

}  // namespace batchsql
