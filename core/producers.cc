#include "core/producers.h"

#define XXH_INLINE_ALL  // no library to link, and short inputs inline
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/bytes.h"

namespace batchsql {
namespace {

void AppendRejections(const std::vector<RowRejection>& rejections, ByteWriter& out) {
  out.U32(static_cast<uint32_t>(rejections.size()));
  for (const RowRejection& rejection : rejections) {
    out.U32(rejection.row);
    out.U8(static_cast<uint8_t>(rejection.reason));
    out.String(rejection.field);
    out.String(rejection.detail);
  }
}

std::vector<RowRejection> ReadRejections(ByteReader& in) {
  std::vector<RowRejection> rejections;
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    RowRejection rejection;
    rejection.row = in.U32();
    rejection.reason = static_cast<RejectReason>(in.U8());
    rejection.field = in.String();
    rejection.detail = in.String();
    rejections.push_back(std::move(rejection));
  }
  return rejections;
}

uint64_t BytesOf(const std::vector<RowRejection>& rejections) {
  uint64_t bytes = 0;
  for (const RowRejection& rejection : rejections) {
    bytes += Producers::kRowBytes + rejection.field.size() + rejection.detail.size();
  }
  return bytes;
}

uint64_t BytesOf(const RequestAnswer& answer) {
  return BytesOf(answer.rejected) + BytesOf(answer.refused);
}

Producers::Summary SummaryOf(const RequestAnswer& last) {
  return {last.producer_id, last.sequence, last.time_ms, last.last_lsn};
}

}  // namespace

void AppendAnswer(const RequestAnswer& answer, ByteWriter& out) {
  out.String(answer.producer_id);
  out.U64(answer.sequence);
  out.Bytes(answer.digest);
  out.U64(answer.first_lsn);
  out.U64(answer.last_lsn);
  out.U64(answer.time_ms);
  out.U32(answer.accepted_rows);
  AppendRejections(answer.rejected, out);
  AppendRejections(answer.refused, out);
}

RequestAnswer ReadAnswer(ByteReader& in) {
  RequestAnswer answer;
  answer.producer_id = in.String();
  answer.sequence = in.U64();
  in.Bytes(answer.digest);
  answer.first_lsn = in.U64();
  answer.last_lsn = in.U64();
  answer.time_ms = in.U64();
  answer.accepted_rows = in.U32();
  answer.rejected = ReadRejections(in);
  answer.refused = ReadRejections(in);
  return answer;
}

Digest DigestOf(std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  Digest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

uint64_t Producers::last_sequence(std::string_view producer_id) const {
  const auto found = producers_.find(producer_id);
  return found == producers_.end() ? 0 : found->second.answers.back().sequence;
}

Producers::Position Producers::Look(std::string_view producer_id, uint64_t sequence,
                                    const Digest& digest) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return {Verdict::kNext, sequence, nullptr};
  const std::deque<RequestAnswer>& answers = found->second.answers;
  const uint64_t expected = answers.back().sequence + 1;
  if (sequence == expected) return {Verdict::kNext, expected, nullptr};
  if (sequence > expected) return {Verdict::kGap, expected, nullptr};
  const auto original =
      std::find_if(answers.rbegin(), answers.rend(),
                   [&](const RequestAnswer& answer) { return answer.sequence == sequence; });
  if (original == answers.rend() || original->digest == kLetGo) {
    return {Verdict::kTooOld, expected, nullptr};
  }
  const Verdict verdict = original->digest == digest ? Verdict::kDuplicate : Verdict::kOther;
  return {verdict, expected, &*original};
}

void Producers::Record(RequestAnswer answer) {
  if (answer.producer_id.empty()) return;
  Producer& producer = producers_[answer.producer_id];
  const uint64_t added = BytesOf(answer);
  producer.answers.push_back(std::move(answer));
  uint64_t removed = 0;
  if (producer.answers.size() > kAnswersKept) {
    removed = BytesOf(producer.answers.front());
    producer.answers.pop_front();
  }
  CountLists(producer, added, removed);
  if (added > 0) Bound(producer);
}

void Producers::CountLists(Producer& producer, uint64_t added, uint64_t removed) {
  producer.list_bytes += added - removed;
  list_bytes_ += added - removed;
}

// Its sequence stays.
void Producers::LetGo(Producer& producer, RequestAnswer& answer) {
  const uint64_t bytes = BytesOf(answer);
  if (bytes == 0) return;
  answer.digest = kLetGo;
  answer.rejected = {};
  answer.refused = {};
  CountLists(producer, 0, bytes);
}

// Lets answers go, first the older ones of `latest`, then those of whoever has the most; `latest`
// keeps its newest.
void Producers::Bound(Producer& latest) {
  for (RequestAnswer& answer : latest.answers) {
    if (latest.list_bytes <= kProducerListBytesMax || &answer == &latest.answers.back()) break;
    LetGo(latest, answer);
  }
  while (list_bytes_ > kListBytesMax && list_bytes_ > latest.list_bytes) {
    Producer* most = nullptr;
    for (auto& [id, producer] : producers_) {
      const bool more = most == nullptr || producer.list_bytes > most->list_bytes;
      if (&producer != &latest && more) most = &producer;
    }
    for (RequestAnswer& answer : most->answers) LetGo(*most, answer);
  }
}

void Producers::SetRefused(std::string_view producer_id, uint64_t sequence,
                           std::vector<RowRejection> refused) {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return;
  Producer& producer = found->second;
  for (RequestAnswer& answer : producer.answers) {
    if (answer.sequence != sequence) continue;
    if (answer.digest == kLetGo) return;
    CountLists(producer, BytesOf(refused), BytesOf(answer.refused));
    answer.refused = std::move(refused);
    Bound(producer);
    return;
  }
}

std::vector<Producers::Answered> Producers::WithoutRefused() const {
  std::vector<Answered> answered;
  for (const auto& [id, producer] : producers_) {
    for (const RequestAnswer& answer : producer.answers) {
      if (!answer.refused.empty() || answer.accepted_rows == 0) continue;
      if (answer.digest == kLetGo) continue;
      answered.push_back({id, answer.sequence, answer.first_lsn, answer.last_lsn});
    }
  }
  return answered;
}

std::vector<RowRejection> Producers::refused(std::string_view producer_id,
                                             uint64_t sequence) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return {};
  for (const RequestAnswer& answer : found->second.answers) {
    if (answer.sequence == sequence) return answer.refused;
  }
  return {};
}

void Producers::Forget(std::string_view producer_id) {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return;
  list_bytes_ -= found->second.list_bytes;
  producers_.erase(found);
}

void Producers::ForgetLsns() {
  for (auto& [id, producer] : producers_) {
    for (RequestAnswer& answer : producer.answers) answer.first_lsn = answer.last_lsn = 0;
  }
}

std::optional<Producers::Summary> Producers::Find(std::string_view producer_id) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return std::nullopt;
  return SummaryOf(found->second.answers.back());
}

std::vector<Producers::Summary> Producers::List(std::string_view after, size_t limit) const {
  std::vector<Summary> list;
  auto producer = producers_.upper_bound(after);
  for (; producer != producers_.end() && list.size() < limit; ++producer) {
    list.push_back(SummaryOf(producer->second.answers.back()));
  }
  return list;
}

void Producers::AppendTo(std::string* bytes) const {
  ByteWriter out(bytes);
  out.U32(static_cast<uint32_t>(producers_.size()));
  for (const auto& [id, producer] : producers_) {
    out.U32(static_cast<uint32_t>(producer.answers.size()));
    for (const RequestAnswer& answer : producer.answers) AppendAnswer(answer, out);
  }
}

absl::StatusOr<Producers> Producers::Parse(std::string_view bytes) {
  ByteReader in(bytes);
  Producers producers;
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    const uint32_t answers = in.U32();
    for (uint32_t j = 0; j < answers && in.ok(); ++j) producers.Record(ReadAnswer(in));
  }
  if (!in.ok() || !in.empty()) return absl::DataLossError("malformed producers");
  return producers;
}

}  // namespace batchsql
