#include "core/target_producers.h"

#include <algorithm>

#include "core/dead_letters/dead_letter.h"
#include "core/strings.h"

namespace batchsql {

bool IsKeptInTarget(std::string_view producer_id) {
  return !producer_id.empty() && !producer_id.starts_with(kReplayProducerPrefix);
}

std::vector<ProducerRange> ProducerRanges(absl::Span<const QueuedBlock> blocks) {
  std::vector<ProducerRange> ranges;
  absl::flat_hash_map<absl::string_view, size_t> places;
  for (const QueuedBlock& block : blocks) {
    const RequestAnswer& answer = block.answer;
    if (!IsKeptInTarget(answer.producer_id)) continue;
    const auto [place, added] = places.try_emplace(answer.producer_id, ranges.size());
    if (added) {
      ranges.push_back({answer.producer_id, answer.sequence, answer.sequence});
      continue;
    }
    ProducerRange& range = ranges[place->second];
    range.first = std::min(range.first, answer.sequence);
    range.last = std::max(range.last, answer.sequence);
  }
  return ranges;
}

const TargetProducers::Producer* TargetProducers::Find(std::string_view producer_id) const {
  const auto found = producers_.find(AsAbsl(producer_id));
  return found == producers_.end() ? nullptr : &found->second;
}

std::optional<uint64_t> TargetProducers::position(std::string_view producer_id) const {
  const Producer* const producer = Find(producer_id);
  return producer == nullptr ? std::nullopt : producer->sequence;
}

void TargetProducers::Learn(const std::string& producer_id, uint64_t sequence) {
  StayBounded();
  Producer& producer = producers_[producer_id];
  const bool may_be_ahead = producer.held && producer.sequence.has_value() && !producer.in_doubt;
  producer.sequence = may_be_ahead ? std::max(*producer.sequence, sequence) : sequence;
  producer.in_doubt = false;
}

void TargetProducers::StayBounded() {
  if (producers_.size() < kKnownMax) return;
  for (auto producer = producers_.begin(); producer != producers_.end();) {
    const auto next = std::next(producer);
    if (!producer->second.held) producers_.erase(producer);
    producer = next;
  }
}

bool TargetProducers::IsHeld(std::string_view producer_id) const {
  if (producers_.empty()) return false;
  const Producer* const producer = Find(producer_id);
  return producer != nullptr && producer->held;
}

void TargetProducers::Hold(absl::Span<const ProducerRange> ranges) {
  StayBounded();
  for (const ProducerRange& range : ranges) producers_[range.producer_id].held = true;
}

void TargetProducers::Release(absl::Span<const ProducerRange> ranges) {
  for (const ProducerRange& range : ranges) {
    const auto found = producers_.find(range.producer_id);
    if (found != producers_.end()) found->second.held = false;
  }
}

std::vector<std::string> TargetProducers::MustRead(absl::Span<const ProducerRange> ranges) const {
  std::vector<std::string> unread;
  for (const ProducerRange& range : ranges) {
    const Producer* const producer = Find(range.producer_id);
    const bool ready = producer != nullptr && producer->sequence.has_value() &&
                       !producer->in_doubt && range.first > *producer->sequence;
    if (!ready) unread.push_back(range.producer_id);
  }
  return unread;
}

void TargetProducers::Refresh(const std::string& producer_id, uint64_t sequence) {
  Producer& producer = producers_[producer_id];
  producer.sequence = sequence;
  producer.in_doubt = false;
}

std::vector<ProducerMove> TargetProducers::Moves(absl::Span<const ProducerRange> ranges) const {
  std::vector<ProducerMove> moves;
  for (const ProducerRange& range : ranges) {
    const uint64_t before = *Find(range.producer_id)->sequence;
    if (range.last > before) moves.push_back({range.producer_id, before, range.last});
  }
  return moves;
}

void TargetProducers::Committed(absl::Span<const ProducerMove> moves) {
  for (const ProducerMove& move : moves) Refresh(move.producer_id, move.after);
}

void TargetProducers::Doubt(absl::Span<const ProducerMove> moves) {
  for (const ProducerMove& move : moves) producers_[move.producer_id].in_doubt = true;
}

}  // namespace batchsql
