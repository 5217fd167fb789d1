#include "server/reloader.h"

#include <utility>

namespace batchsql {

Reloader::Reloader(std::function<void()> reload)
    : reload_(std::move(reload)), thread_([this] { Run(); }) {}

Reloader::~Reloader() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void Reloader::Request() {
  MutexLock lock(mutex_);
  requested_ = true;
  wake_.NotifyAll();
}

void Reloader::Run() {
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!requested_ && !ending_) wake_.Wait(mutex_);
      if (ending_) return;
      requested_ = false;
    }
    reload_();
  }
}

}  // namespace batchsql
