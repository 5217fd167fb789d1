#include "core/budget.h"

#include <algorithm>

namespace batchsql {

Budget::Reservation& Budget::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void Budget::Reservation::Resize(uint64_t bytes) {
  if (budget_ == nullptr) return;
  budget_->Adjust(std::exchange(bytes_, bytes), bytes);
}

void Budget::Reservation::Release() {
  if (budget_ == nullptr) return;
  std::exchange(budget_, nullptr)->Adjust(std::exchange(bytes_, 0), 0);
}

// A reservation larger than everything is granted when nothing else is held, so that no request can
// wait for ever.
bool Budget::Fits(uint64_t bytes) const { return used_ == 0 || used_ + bytes <= bytes_max_; }

std::optional<Budget::Reservation> Budget::TryReserve(uint64_t bytes) {
  MutexLock lock(mutex_);
  if (closed_ || !waiters_.empty() || !Fits(bytes)) return std::nullopt;
  used_ += bytes;
  return Reservation(this, bytes);
}

Budget::Reservation Budget::Take(uint64_t bytes) {
  MutexLock lock(mutex_);
  used_ += bytes;
  return Reservation(this, bytes);
}

uint64_t Budget::ReserveWhenFree(uint64_t bytes, Callback callback) {
  Reservation reservation;
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      if (!waiters_.empty() || !Fits(bytes)) {
        waiters_.push_back({next_ticket_, bytes, std::move(callback)});
        return next_ticket_++;
      }
      used_ += bytes;
      reservation = Reservation(this, bytes);
    }
  }
  callback(std::move(reservation));
  return 0;
}

bool Budget::Cancel(uint64_t ticket) {
  Callback cancelled;  // called without the lock
  {
    MutexLock lock(mutex_);
    const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                    [&](const Waiter& waiter) { return waiter.ticket == ticket; });
    if (found == waiters_.end()) return false;
    cancelled = std::move(found->callback);
    waiters_.erase(found);
  }
  GrantWaiters();  // those behind it may fit
  cancelled(Reservation());
  return true;
}

void Budget::Adjust(uint64_t give_back, uint64_t take) {
  {
    MutexLock lock(mutex_);
    used_ = used_ - give_back + take;
    if (waiters_.empty() || !Fits(waiters_.front().bytes)) return;
  }
  GrantWaiters();
}

// A callback may give bytes back, which comes here again: the loop that called it goes on then, so
// that the stack does not grow with the number of waiters.
void Budget::GrantWaiters() {
  thread_local const Budget* granting = nullptr;
  if (granting == this) return;
  const Budget* const outer = std::exchange(granting, this);
  while (std::optional<Granted> granted = NextGranted()) {
    granted->callback(std::move(granted->reservation));
  }
  granting = outer;
}

std::optional<Budget::Granted> Budget::NextGranted() {
  MutexLock lock(mutex_);
  if (waiters_.empty() || !Fits(waiters_.front().bytes)) return std::nullopt;
  Waiter waiter = std::move(waiters_.front());
  waiters_.pop_front();
  used_ += waiter.bytes;
  return Granted{std::move(waiter.callback), Reservation(this, waiter.bytes)};
}

void Budget::Close() {
  std::deque<Waiter> waiters;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    waiters.swap(waiters_);
  }
  for (Waiter& waiter : waiters) waiter.callback({});
}

void Budget::SetBytesMax(uint64_t bytes_max) {
  {
    MutexLock lock(mutex_);
    bytes_max_ = bytes_max;
  }
  GrantWaiters();
}

uint64_t Budget::bytes_max() const {
  MutexLock lock(mutex_);
  return bytes_max_;
}

uint64_t Budget::used_bytes() const {
  MutexLock lock(mutex_);
  return used_;
}

}  // namespace batchsql
