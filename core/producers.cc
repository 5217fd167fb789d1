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
  return found == producers_.end() ? 0 : found->second.back().sequence;
}

Producers::Position Producers::Look(std::string_view producer_id, uint64_t sequence,
                                    const Digest& digest) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return {Verdict::kNext, sequence, nullptr};
  const Answers& answers = found->second;
  const uint64_t expected = answers.back().sequence + 1;
  if (sequence == expected) return {Verdict::kNext, expected, nullptr};
  if (sequence > expected) return {Verdict::kGap, expected, nullptr};
  const auto original =
      std::find_if(answers.rbegin(), answers.rend(),
                   [&](const RequestAnswer& answer) { return answer.sequence == sequence; });
  if (original == answers.rend()) return {Verdict::kTooOld, expected, nullptr};
  const Verdict verdict = original->digest == digest ? Verdict::kDuplicate : Verdict::kOther;
  return {verdict, expected, &*original};
}

void Producers::Record(RequestAnswer answer) {
  if (answer.producer_id.empty()) return;
  Answers& answers = producers_[answer.producer_id];
  answers.push_back(std::move(answer));
  if (answers.size() > kAnswersKept) answers.pop_front();
}

void Producers::SetRefused(std::string_view producer_id, uint64_t sequence,
                           std::vector<RowRejection> refused) {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return;
  for (RequestAnswer& answer : found->second) {
    if (answer.sequence != sequence) continue;
    answer.refused = std::move(refused);
    return;
  }
}

std::vector<Producers::Answered> Producers::WithoutRefused() const {
  std::vector<Answered> answered;
  for (const auto& [id, answers] : producers_) {
    for (const RequestAnswer& answer : answers) {
      if (!answer.refused.empty() || answer.accepted_rows == 0) continue;
      answered.push_back({id, answer.sequence, answer.first_lsn, answer.last_lsn});
    }
  }
  return answered;
}

std::vector<RowRejection> Producers::refused(std::string_view producer_id,
                                             uint64_t sequence) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return {};
  for (const RequestAnswer& answer : found->second) {
    if (answer.sequence == sequence) return answer.refused;
  }
  return {};
}

void Producers::Forget(std::string_view producer_id) {
  const auto found = producers_.find(producer_id);
  if (found != producers_.end()) producers_.erase(found);
}

void Producers::ForgetLsns() {
  for (auto& [id, answers] : producers_) {
    for (RequestAnswer& answer : answers) answer.first_lsn = answer.last_lsn = 0;
  }
}

std::optional<Producers::Summary> Producers::Find(std::string_view producer_id) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return std::nullopt;
  return SummaryOf(found->second.back());
}

std::vector<Producers::Summary> Producers::List(std::string_view after, size_t limit) const {
  std::vector<Summary> list;
  auto producer = producers_.upper_bound(after);
  for (; producer != producers_.end() && list.size() < limit; ++producer) {
    list.push_back(SummaryOf(producer->second.back()));
  }
  return list;
}

void Producers::AppendTo(std::string* bytes) const {
  ByteWriter out(bytes);
  out.U32(static_cast<uint32_t>(producers_.size()));
  for (const auto& [id, answers] : producers_) {
    out.U32(static_cast<uint32_t>(answers.size()));
    for (const RequestAnswer& answer : answers) AppendAnswer(answer, out);
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
