#include "core/dead_letters/letter_space.h"

#include <memory>
#include <utility>

namespace batchsql {

void LetterSpace::KeepReserve() {
  if (directory_.empty()) return;
  {
    MutexLock lock(mutex_);
    if (busy_ || known_) return;
    busy_ = true;
  }
  const std::string path = ReservePath();
  bool made = env_->MakeDirectory(directory_).ok();
  if (made) {
    env_->Remove(path).IgnoreError();  // an earlier process's, of unknown size
    absl::StatusOr<std::unique_ptr<File>> file = env_->Create(path);
    made = file.ok() && (*file)->Allocate(kReserveBytes).ok();
    if (!made) env_->Remove(path).IgnoreError();
  }
  MutexLock lock(mutex_);
  busy_ = false;
  known_ = made;
}

bool LetterSpace::TakeReserve(const std::string& path) {
  {
    MutexLock lock(mutex_);
    if (busy_ || !std::exchange(known_, false)) return false;
    busy_ = true;
  }
  const bool taken = env_->Rename(ReservePath(), path).ok();
  MutexLock lock(mutex_);
  busy_ = false;
  return taken;
}

}  // namespace batchsql
