#pragma once

#include <map>
#include <utility>
#include <vector>

#include "core/names.h"
#include "core/receipt.h"

namespace batchsql {

// Receipts of requests whose rows are elsewhere: left in the journal, or sent by an earlier request
// that this one repeats. Answered when the rows commit. Pure: its owner guards it.
class CommitWaiters {
 public:
  struct Waiter {
    Lsn last_lsn;  // of the request's rows
    Receipt receipt;
  };

  void Add(Lsn last_lsn, Receipt receipt) { waiters_.emplace(last_lsn, std::move(receipt)); }

  // Those whose last row lies in [from, to], in order.
  std::vector<Waiter> Take(Lsn from, Lsn to) {
    const auto begin = waiters_.lower_bound(from);
    const auto end = waiters_.upper_bound(to);
    std::vector<Waiter> taken;
    for (auto waiter = begin; waiter != end; ++waiter) {
      taken.push_back({waiter->first, std::move(waiter->second)});
    }
    waiters_.erase(begin, end);
    return taken;
  }
  std::vector<Waiter> TakeAll() { return Take(0, UINT64_MAX); }

  size_t size() const { return waiters_.size(); }

 private:
  std::multimap<Lsn, Receipt> waiters_;
};

}  // namespace batchsql
