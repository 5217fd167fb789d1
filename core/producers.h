#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/names.h"
#include "core/rejection.h"

namespace batchsql {

// 128-bit XXH3 of a request's rows as received, so that a repeated sequence can be told from a
// reused one.
using Digest = std::array<uint8_t, 16>;
Digest DigestOf(std::string_view bytes);

// How a request was answered; enough to answer its repetition word for word.
struct RequestAnswer {
  std::string producer_id;  // empty: of no producer, never repeated
  uint64_t sequence = 0;
  Digest digest{};
  uint32_t accepted_rows = 0;          // that validation let pass
  std::vector<RowRejection> rejected;  // by validation, ascending by row
  std::vector<RowRejection> refused;   // by the database, ascending by row
  // The request's LSNs: one a row, at least one.
  Lsn first_lsn = 0;
  Lsn last_lsn = 0;
  uint64_t time_ms = 0;  // since 1970
};

// The digest of an answer that was let go: who repeats the request is told that it is no longer
// kept. (No request has it.)
inline constexpr Digest kLetGo = [] {
  Digest digest{};
  for (uint8_t& byte : digest) byte = 0xFF;
  return digest;
}();

// As the journal's records hold an answer; ReadAnswer leaves `in` not ok where it is malformed.
void AppendAnswer(const RequestAnswer& answer, ByteWriter& out);
RequestAnswer ReadAnswer(ByteReader& in);

// The positions of a pipeline's producers, with the last answers of each. Rebuilt from the journal.
// What the answers list of refused rows is bounded: those that list the most are let go, but the
// newest of all stays whole. Pure: no thread or lock inside; its owner guards it.
class Producers {
 public:
  static constexpr size_t kAnswersKept = 16;
  // Of refused rows, in memory; a row's takes kRowBytes and its texts.
  static constexpr uint64_t kProducerListBytesMax = uint64_t{4} << 20;
  static constexpr uint64_t kListBytesMax = uint64_t{32} << 20;
  static constexpr uint64_t kRowBytes = 72;

  enum class Verdict : uint8_t {
    kNext,       // the request that comes next
    kDuplicate,  // answered before: repeat `original`
    kGap,        // FAILED_PRECONDITION: `expected` comes next
    kOther,      // INVALID_ARGUMENT: answered before, with another content
    kTooOld,     // OUT_OF_RANGE: answered before, and the answer is no longer kept
  };
  struct Position {
    Verdict verdict = Verdict::kNext;
    uint64_t expected = 0;
    const RequestAnswer* original = nullptr;  // valid until the next change
  };

  // A producer that is not known may begin with any sequence.
  Position Look(std::string_view producer_id, uint64_t sequence, const Digest& digest) const;
  // 0: not known.
  uint64_t last_sequence(std::string_view producer_id) const;

  // Makes the answer its producer's last, whatever its sequence; one without a producer is not
  // kept.
  void Record(RequestAnswer answer);
  // Completes an answer, if it is still kept, with the rows that the database refused.
  void SetRefused(std::string_view producer_id, uint64_t sequence,
                  std::vector<RowRejection> refused);
  // The answers that name no row that the database refused.
  struct Answered {
    std::string producer_id;
    uint64_t sequence = 0;
    Lsn first_lsn = 0;
    Lsn last_lsn = 0;
  };
  std::vector<Answered> WithoutRefused() const;
  // Of an answer that is still kept, else none.
  std::vector<RowRejection> refused(std::string_view producer_id, uint64_t sequence) const;
  void Forget(std::string_view producer_id);
  // For another numbering: every answer's LSNs become 0, which is always committed.
  void ForgetLsns();

  // Of a producer's last answer.
  struct Summary {
    std::string producer_id;
    uint64_t last_sequence = 0;
    uint64_t time_ms = 0;
    Lsn last_lsn = 0;
  };
  std::optional<Summary> Find(std::string_view producer_id) const;
  // Up to `limit` of them whose id is greater than `after`, by id.
  std::vector<Summary> List(std::string_view after = "", size_t limit = SIZE_MAX) const;
  size_t size() const { return producers_.size(); }
  uint64_t list_bytes() const { return list_bytes_; }

  // docs/journal-format.md, "Producers".
  void AppendTo(std::string* bytes) const;
  static absl::StatusOr<Producers> Parse(std::string_view bytes);

 private:
  struct Producer {
    std::deque<RequestAnswer> answers{};  // in the order of Record; never empty
    uint64_t list_bytes = 0;              // that they list
  };
  using Map = std::map<std::string, Producer, std::less<>>;

  void CountLists(Producer& producer, uint64_t added, uint64_t removed);
  void LetGo(Producer& producer, RequestAnswer& answer);
  void Bound(Producer& latest);

  Map producers_;  // by id: equal positions, equal bytes
  uint64_t list_bytes_ = 0;
};

}  // namespace batchsql
