#pragma once

#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/mutex.h"

namespace batchsql {

// Looks up where producers stand in the target, for callers that must not wait: a thread of its own
// reads for all who ask while it is at work. It ends with Close. Every method is thread-safe.
class ProducerLookups {
 public:
  // Reads the producers' positions; called by the thread.
  using Read = absl::AnyInvocable<absl::Status(absl::Span<const std::string> producer_ids)>;
  // Called once, by the thread, after a read that began after the question; or by Close.
  using Callback = absl::AnyInvocable<void(const absl::Status&)>;

  explicit ProducerLookups(Read read);
  ~ProducerLookups() { Close(); }

  // UNAVAILABLE once closed.
  void Ask(std::string producer_id, Callback callback);
  // Waits for the read that is under way; the rest is answered UNAVAILABLE. Further calls do
  // nothing.
  void Close();

 private:
  struct Question {
    std::string producer_id;
    Callback callback;
  };
  void Run();
  void Answer(std::vector<Question> questions);

  Read read_;  // used by the thread only
  Mutex mutex_;
  CondVar asked_;
  std::vector<Question> questions_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
