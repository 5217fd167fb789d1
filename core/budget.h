#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "core/mutex.h"

namespace batchsql {

// The memory that rows may hold between their arrival and their commit: the one place of
// back-pressure. Thread-safe. Must outlive its reservations.
class Budget {
 public:
  // Bytes taken from a budget, given back on destruction. Move-only.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

    uint64_t bytes() const { return bytes_; }
    // False for a reservation that was moved from, or that the budget's close cut short.
    bool held() const { return budget_ != nullptr; }
    // Changes the size to what the rows really take. Growth is granted even past the limit: the
    // rows are in memory already.
    void Resize(uint64_t bytes);
    void Release();

   private:
    friend class Budget;
    Reservation(Budget* budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    Budget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };
  using Callback = absl::AnyInvocable<void(Reservation)>;

  explicit Budget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // nullopt when the budget is used up, or others wait already.
  std::optional<Reservation> TryReserve(uint64_t bytes);
  // Grants what must be had, even past the limit: for rows that are read back to be written.
  Reservation Take(uint64_t bytes);
  // Calls back once, in order of arrival: at once, or from the thread that gives bytes back; with a
  // reservation that is not held after Close or Cancel. Returns a ticket for Cancel, 0 when it
  // called at once.
  uint64_t ReserveWhenFree(uint64_t bytes, Callback callback);
  // Calls back at once, with a reservation that is not held. False: it was called already.
  bool Cancel(uint64_t ticket);
  // Lets everybody who waits go, now and later.
  void Close();

  // From here on; what is held already may pass it.
  void SetBytesMax(uint64_t bytes_max);

  uint64_t used_bytes() const;
  uint64_t bytes_max() const;

 private:
  struct Waiter {
    uint64_t ticket;
    uint64_t bytes;
    Callback callback;
  };
  struct Granted {
    Callback callback;
    Reservation reservation;
  };
  bool Fits(uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Adjust(uint64_t give_back, uint64_t take);
  void GrantWaiters();
  std::optional<Granted> NextGranted();

  mutable Mutex mutex_;
  uint64_t bytes_max_ ABSL_GUARDED_BY(mutex_);
  uint64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 1;
  std::deque<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace batchsql
