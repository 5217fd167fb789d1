#include "core/producer_lookups.h"

#include <algorithm>
#include <utility>

namespace batchsql {
namespace {

absl::Status Stopping() { return absl::UnavailableError("the daemon is stopping"); }

}  // namespace

ProducerLookups::ProducerLookups(Read read) : read_(std::move(read)) {
  MutexLock lock(mutex_);
  thread_ = std::thread([this] { Run(); });
}

void ProducerLookups::Ask(std::string producer_id, Callback callback) {
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      questions_.push_back({std::move(producer_id), std::move(callback)});
      asked_.NotifyOne();
      return;
    }
  }
  callback(Stopping());
}

void ProducerLookups::Close() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    thread.swap(thread_);
    asked_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

void ProducerLookups::Run() {
  while (true) {
    std::vector<Question> questions;
    bool closed = false;
    {
      MutexLock lock(mutex_);
      while (questions_.empty() && !closed_) asked_.Wait(mutex_);
      questions.swap(questions_);
      closed = closed_;
    }
    if (!closed) {
      Answer(std::move(questions));
      continue;
    }
    for (Question& question : questions) question.callback(Stopping());
    return;
  }
}

void ProducerLookups::Answer(std::vector<Question> questions) {
  std::vector<std::string> ids;
  ids.reserve(questions.size());
  for (const Question& question : questions) ids.push_back(question.producer_id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const absl::Status read = read_(ids);
  for (Question& question : questions) question.callback(read);
}

}  // namespace batchsql
