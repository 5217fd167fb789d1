#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/names.h"
#include "core/producers.h"
#include "core/receipt.h"

namespace batchsql {

// Receipts of requests whose rows are elsewhere: left in the journal, or sent by an earlier request
// that this one repeats. Answered when the rows commit. Pure: its owner guards it.
class CommitWaiters {
 public:
  struct Waiter {
    Lsn last_lsn = 0;         // of the request's rows
    std::string producer_id;  // and sequence: where its refused rows are kept; may be empty
    uint64_t sequence = 0;
    Receipt receipt;
  };

  void Add(const RequestAnswer& answer, Receipt receipt) {
    Add({answer.last_lsn, answer.producer_id, answer.sequence, std::move(receipt)});
  }
  void Add(Waiter waiter) { waiters_.emplace(waiter.last_lsn, std::move(waiter)); }

  // Those whose last row lies in [from, to], in order.
  std::vector<Waiter> Take(Lsn from, Lsn to) {
    return TakeIf([](Lsn) { return true; }, waiters_.lower_bound(from), waiters_.upper_bound(to));
  }
  // Those of which the predicate says that their last row is committed.
  template <typename IsCommitted>
  std::vector<Waiter> TakeCommitted(IsCommitted is_committed) {
    return TakeIf(is_committed, waiters_.begin(), waiters_.end());
  }
  std::vector<Waiter> TakeAll() { return Take(0, UINT64_MAX); }

  size_t size() const { return waiters_.size(); }

 private:
  using Map = std::multimap<Lsn, Waiter>;

  template <typename Predicate>
  std::vector<Waiter> TakeIf(Predicate wanted, Map::iterator waiter, Map::iterator end) {
    std::vector<Waiter> taken;
    while (waiter != end) {
      if (wanted(waiter->first)) {
        taken.push_back(std::move(waiter->second));
        waiter = waiters_.erase(waiter);
      } else {
        ++waiter;
      }
    }
    return taken;
  }

  Map waiters_;
};

}  // namespace batchsql
