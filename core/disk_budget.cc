#include "core/disk_budget.h"

namespace batchsql {

bool DiskBudget::TryReserve(uint64_t bytes) {
  MutexLock lock(mutex_);
  if (used_ > bytes_max_ || bytes > bytes_max_ - used_) return false;
  used_ += bytes;
  return true;
}

void DiskBudget::Add(uint64_t bytes) {
  MutexLock lock(mutex_);
  used_ += bytes;
}

void DiskBudget::Release(uint64_t bytes) {
  MutexLock lock(mutex_);
  used_ -= bytes;
}

void DiskBudget::SetBytesMax(uint64_t bytes_max) {
  MutexLock lock(mutex_);
  bytes_max_ = bytes_max;
}

uint64_t DiskBudget::bytes_max() const {
  MutexLock lock(mutex_);
  return bytes_max_;
}

uint64_t DiskBudget::used_bytes() const {
  MutexLock lock(mutex_);
  return used_;
}

}  // namespace batchsql
