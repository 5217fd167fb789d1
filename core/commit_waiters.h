#pragma once

#include <map>
#include <vector>

#include "core/names.h"
#include "core/receipt.h"

namespace batchsql {

// Receipts of requests whose rows are elsewhere: left in the journal, or sent by an earlier request
// that this one repeats. Answered when the rows commit. Pure: its owner guards it.
class CommitWaiters {
 public:
  // `last_lsn`: of the request's rows.
  void Add(Lsn last_lsn, Receipt receipt) { waiters_.emplace(last_lsn, std::move(receipt)); }

  // Those whose last row lies in [from, to].
  std::vector<Receipt> Take(Lsn from, Lsn to) {
    const auto begin = waiters_.lower_bound(from);
    const auto end = waiters_.upper_bound(to);
    std::vector<Receipt> taken;
    for (auto waiter = begin; waiter != end; ++waiter) taken.push_back(std::move(waiter->second));
    waiters_.erase(begin, end);
    return taken;
  }
  std::vector<Receipt> TakeAll() { return Take(0, UINT64_MAX); }

  size_t size() const { return waiters_.size(); }

 private:
  std::multimap<Lsn, Receipt> waiters_;
};

}  // namespace batchsql
