#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/queued_block.h"
#include "core/watermark.h"

namespace batchsql {

// One producer's sequences among the requests of a batch.
struct ProducerRange {
  std::string producer_id;
  uint64_t first = 0;
  uint64_t last = 0;
};

// Producers whose positions are kept in the target: all but those of replayed dead letters, which
// only the journal that holds the letter can repeat.
bool IsKeptInTarget(std::string_view producer_id);
// Of the numbered requests; one entry for each producer.
std::vector<ProducerRange> ProducerRanges(absl::Span<const QueuedBlock> blocks);

// Where producers stand in the target's batchsql_producers, as far as a pipeline knows, and which
// of them a flush in flight holds: so that a producer's requests are committed in their order, by
// one flush at a time. Pure: its owner guards it.
class TargetProducers {
 public:
  // Beyond it, what no flush holds is forgotten: it is read again when it is needed.
  static constexpr size_t kKnownMax = 100'000;

  // The last sequence committed, by any daemon; 0: none yet. nullopt: not known.
  std::optional<uint64_t> position(std::string_view producer_id) const;
  // As read beside the flushes: what one of them commits meanwhile may be missing.
  void Learn(const std::string& producer_id, uint64_t sequence);
  // The target may be at another place than it was.
  void Clear() { producers_.clear(); }

  bool IsHeld(std::string_view producer_id) const;
  void Hold(absl::Span<const ProducerRange> ranges);
  void Release(absl::Span<const ProducerRange> ranges);

  // For a flush that holds the producers. Those that it must read first: not known, in doubt, or
  // not behind all of the flush's requests (what is dropped is dropped by a look of its own).
  std::vector<std::string> MustRead(absl::Span<const ProducerRange> ranges) const;
  // As read by that flush.
  void Refresh(const std::string& producer_id, uint64_t sequence);
  // From where each stands to its last request, unless it is there. All must be known.
  std::vector<ProducerMove> Moves(absl::Span<const ProducerRange> ranges) const;
  void Committed(absl::Span<const ProducerMove> moves);
  // The flush failed: somebody else may have moved them.
  void Doubt(absl::Span<const ProducerMove> moves);

 private:
  struct Producer {
    std::optional<uint64_t> sequence;
    bool in_doubt = false;  // good enough to answer by, not to move from
    bool held = false;
  };
  const Producer* Find(std::string_view producer_id) const;
  void StayBounded();

  absl::flat_hash_map<std::string, Producer> producers_;
};

}  // namespace batchsql
