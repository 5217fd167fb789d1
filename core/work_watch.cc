#include "core/work_watch.h"

namespace batchsql {

void WorkWatch::Wait(Clock& clock, Mutex& mutex, std::optional<TimePoint> due) {
  if (watched_) {
    if (due.has_value() && (!until_.has_value() || *due < *until_)) news_.NotifyOne();
    rest_.Wait(mutex);
    return;
  }
  watched_ = true;
  until_ = due;
  if (due.has_value()) {
    clock.WaitUntil(news_, mutex, *due);
  } else {
    news_.Wait(mutex);
  }
  watched_ = false;
}

void WorkWatch::NotifyAll() {
  news_.NotifyAll();
  rest_.NotifyAll();
}

}  // namespace batchsql
