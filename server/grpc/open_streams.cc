#include "server/grpc/open_streams.h"

#include <utility>

namespace batchsql {

uint64_t OpenStreams::Add(Stop stop) {
  {
    MutexLock lock(mutex_);
    ++last_number_;
    if (!stopped_) {
      streams_.emplace(last_number_, std::move(stop));
      return last_number_;
    }
  }
  stop();
  return 0;
}

void OpenStreams::Remove(uint64_t number) {
  MutexLock lock(mutex_);
  streams_.erase(number);
}

void OpenStreams::StopAll() {
  std::map<uint64_t, Stop> streams;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    streams.swap(streams_);
  }
  for (const auto& [number, stop] : streams) stop();
}

}  // namespace batchsql
