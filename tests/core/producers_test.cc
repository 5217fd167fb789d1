#include "core/producers.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

using Verdict = Producers::Verdict;

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

std::vector<RowRejection> Rejections(uint64_t list_bytes) {
  std::vector<RowRejection> rejections;
  const std::string field(128 - Producers::kRowBytes, 'f');
  for (uint64_t i = 0; i < list_bytes / 128; ++i) {
    rejections.push_back({static_cast<uint32_t>(i), field, RejectReason::kUnknownColumn, ""});
  }
  return rejections;
}

// An answer that lists so much.
RequestAnswer Answer(const std::string& producer_id, uint64_t sequence, uint64_t list_bytes) {
  RequestAnswer answer;
  answer.producer_id = producer_id;
  answer.sequence = sequence;
  answer.accepted_rows = 1;
  answer.first_lsn = answer.last_lsn = sequence;
  answer.rejected = Rejections(list_bytes);
  return answer;
}

Verdict VerdictOf(const Producers& producers, const std::string& producer_id, uint64_t sequence) {
  return producers.Look(producer_id, sequence, Digest{}).verdict;
}

std::string Bytes(const Producers& producers) {
  std::string bytes;
  producers.AppendTo(&bytes);
  return bytes;
}

// What a segment's header keeps is what is kept.
void CheckParses(const Producers& producers) {
  const absl::StatusOr<Producers> parsed = Producers::Parse(Bytes(producers));
  REQUIRE(parsed.ok());
  CHECK(Bytes(*parsed) == Bytes(producers));
  CHECK(parsed->list_bytes() == producers.list_bytes());
}

TEST_CASE("Sixteen answers are kept whole while they list little") {
  Producers producers;
  for (uint64_t i = 1; i <= 17; ++i) producers.Record(Answer("p", i, kMebibyte / 4));
  CHECK(VerdictOf(producers, "p", 1) == Verdict::kTooOld);
  for (uint64_t i = 2; i <= 17; ++i) CHECK(VerdictOf(producers, "p", i) == Verdict::kDuplicate);
  CHECK(producers.list_bytes() == 4 * kMebibyte);
  CheckParses(producers);
}

TEST_CASE("A producer's long answers push out its older ones, and those without a list stay") {
  Producers producers;
  producers.Record(Answer("p", 1, 0));
  for (uint64_t i = 2; i <= 6; ++i) producers.Record(Answer("p", i, 3 * kMebibyte / 2));
  CHECK(producers.list_bytes() == 3 * kMebibyte);
  CHECK(VerdictOf(producers, "p", 1) == Verdict::kDuplicate);
  for (uint64_t i = 2; i <= 4; ++i) CHECK(VerdictOf(producers, "p", i) == Verdict::kTooOld);
  for (uint64_t i = 5; i <= 6; ++i) CHECK(VerdictOf(producers, "p", i) == Verdict::kDuplicate);
  CHECK(VerdictOf(producers, "p", 7) == Verdict::kNext);
  CheckParses(producers);
}

TEST_CASE("The newest answer is whole however much it lists") {
  Producers producers;
  producers.Record(Answer("q", 1, kMebibyte));
  producers.Record(Answer("p", 1, kMebibyte));
  producers.Record(Answer("p", 2, Producers::kListBytesMax + kMebibyte));
  const Producers::Position newest = producers.Look("p", 2, Digest{});
  REQUIRE(newest.verdict == Verdict::kDuplicate);
  CHECK(newest.original->rejected.size() == (Producers::kListBytesMax + kMebibyte) / 128);
  CHECK(VerdictOf(producers, "p", 1) == Verdict::kTooOld);
  CHECK(VerdictOf(producers, "q", 1) == Verdict::kTooOld);
  producers.Record(Answer("r", 1, 0));
  CHECK(VerdictOf(producers, "p", 2) == Verdict::kDuplicate);
  CheckParses(producers);
}

TEST_CASE("All producers' lists are bounded, and no position is lost") {
  Producers producers;
  producers.Record(Answer("small", 7, kMebibyte));
  for (int i = 0; i < 20; ++i) producers.Record(Answer(absl::StrCat("p", i), 1, 4 * kMebibyte));
  CHECK(producers.list_bytes() <= Producers::kListBytesMax);
  CHECK(VerdictOf(producers, "small", 7) == Verdict::kDuplicate);
  CHECK(VerdictOf(producers, "p19", 1) == Verdict::kDuplicate);
  int gone = 0;
  for (int i = 0; i < 20; ++i) {
    gone += VerdictOf(producers, absl::StrCat("p", i), 1) == Verdict::kTooOld ? 1 : 0;
    CHECK(VerdictOf(producers, absl::StrCat("p", i), 2) == Verdict::kNext);
  }
  CHECK(gone == 13);
  CheckParses(producers);
  while (producers.size() > 0) producers.Forget(producers.List().front().producer_id);
  CHECK(producers.list_bytes() == 0);
}

TEST_CASE("Rows that the database refused count, and an answer that was let go takes none") {
  Producers producers;
  for (uint64_t i = 1; i <= 2; ++i) producers.Record(Answer("p", i, 0));
  producers.SetRefused("p", 1, Rejections(3 * kMebibyte));
  producers.SetRefused("p", 2, Rejections(kMebibyte));
  CHECK(producers.list_bytes() == 4 * kMebibyte);
  CHECK(producers.refused("p", 1).size() == 3 * kMebibyte / 128);
  producers.SetRefused("p", 2, Rejections(2 * kMebibyte));
  CHECK(producers.list_bytes() == 2 * kMebibyte);
  CHECK(VerdictOf(producers, "p", 1) == Verdict::kTooOld);
  CHECK(VerdictOf(producers, "p", 2) == Verdict::kDuplicate);
  CHECK(producers.WithoutRefused().empty());
  producers.SetRefused("p", 1, Rejections(kMebibyte));
  CHECK(producers.refused("p", 1).empty());
  CHECK(producers.list_bytes() == 2 * kMebibyte);
  CheckParses(producers);
}

}  // namespace
}  // namespace batchsql
