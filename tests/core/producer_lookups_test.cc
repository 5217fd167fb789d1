#include "core/producer_lookups.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace batchsql {
namespace {

using Strings = std::vector<std::string>;

// A read that waits until it is let go, and what it was asked for.
class SlowReads {
 public:
  absl::Status Read(absl::Span<const std::string> ids) {
    MutexLock lock(mutex_);
    reads_.emplace_back(ids.begin(), ids.end());
    changed_.NotifyAll();
    while (released_ < reads_.size()) changed_.Wait(mutex_);
    return absl::OkStatus();
  }
  void Await(size_t reads) {
    MutexLock lock(mutex_);
    while (reads_.size() < reads) changed_.Wait(mutex_);
  }
  void Release(size_t reads) {
    MutexLock lock(mutex_);
    released_ += reads;
    changed_.NotifyAll();
  }
  // The statuses of answers, in the order of the callbacks.
  ProducerLookups::Callback Note(const std::string& name) {
    return [this, name](const absl::Status& status) {
      MutexLock lock(mutex_);
      answers_.push_back(name + (status.ok() ? "" : " " + std::string(status.message())));
      changed_.NotifyAll();
    };
  }
  Strings AwaitAnswers(size_t count) {
    MutexLock lock(mutex_);
    while (answers_.size() < count) changed_.Wait(mutex_);
    return answers_;
  }
  std::vector<Strings> reads() {
    MutexLock lock(mutex_);
    return reads_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Strings> reads_ ABSL_GUARDED_BY(mutex_);
  size_t released_ ABSL_GUARDED_BY(mutex_) = 0;
  Strings answers_ ABSL_GUARDED_BY(mutex_);
};

TEST_CASE("Who asks during a read is answered by the next one, all together") {
  SlowReads slow;
  ProducerLookups lookups([&](absl::Span<const std::string> ids) { return slow.Read(ids); });
  lookups.Ask("a", slow.Note("1"));
  slow.Await(1);
  for (const char* id : {"c", "a", "b", "c"}) lookups.Ask(id, slow.Note(id));
  slow.Release(1);
  CHECK(slow.AwaitAnswers(1) == Strings{"1"});
  slow.Await(2);
  slow.Release(1);
  CHECK(slow.AwaitAnswers(5) == Strings{"1", "c", "a", "b", "c"});
  CHECK(slow.reads() == std::vector<Strings>{{"a"}, {"a", "b", "c"}});
}

TEST_CASE("A failed read is told to all that it was for") {
  SlowReads slow;
  ProducerLookups lookups(
      [](absl::Span<const std::string>) { return absl::UnavailableError("away"); });
  lookups.Ask("a", slow.Note("a"));
  CHECK(slow.AwaitAnswers(1) == Strings{"a away"});
}

TEST_CASE("Closed lookups answer everybody, and read no more") {
  SlowReads slow;
  ProducerLookups lookups([&](absl::Span<const std::string> ids) { return slow.Read(ids); });
  lookups.Ask("a", slow.Note("a"));
  slow.Await(1);
  std::thread closing([&] { lookups.Close(); });
  slow.Release(1);
  closing.join();
  lookups.Ask("b", slow.Note("b"));
  CHECK(slow.AwaitAnswers(2) == Strings{"a", "b the daemon is stopping"});
  CHECK(slow.reads().size() == 1);
}

}  // namespace
}  // namespace batchsql
