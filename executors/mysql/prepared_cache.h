#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/executor.h"

namespace batchsql {

// The statements that a writer keeps prepared; the one that was not used for longest gives way.
// `Handle` owns a statement. Must end before the connection; one thread.
template <typename Handle>
class PreparedCache {
 public:
  // Points `statement` at the one kept under `key`, valid until the next call; where there is none,
  // `prepare` makes it: DatabaseError(Handle*).
  template <typename Prepare>
  DatabaseError Find(const std::string& key, Prepare&& prepare, Handle** statement) {
    auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.key == key; });
    if (found == kept_.end()) {
      Kept kept = {key, 0, nullptr};
      if (DatabaseError error = prepare(&kept.statement); !error.ok()) return error;
      if (kept_.size() == kKeptMax) {
        kept_.erase(std::min_element(kept_.begin(), kept_.end(), [](const Kept& a, const Kept& b) {
          return a.last_use < b.last_use;
        }));
      }
      found = kept_.insert(kept_.end(), std::move(kept));
    }
    found->last_use = ++uses_;
    *statement = &found->statement;
    return {};
  }

 private:
  static constexpr size_t kKeptMax = 32;

  struct Kept {
    std::string key;
    uint64_t last_use = 0;
    Handle statement;
  };

  std::vector<Kept> kept_;
  uint64_t uses_ = 0;
};

}  // namespace batchsql
