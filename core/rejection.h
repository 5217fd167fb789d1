#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace batchsql {

// Why a row was refused. The numbers are those of batchsql.v1.RejectReason.
enum class RejectReason : uint8_t {
  kNone = 0,
  kUnknownColumn = 1,
  kWrongType = 2,
  kNull = 3,
  kMissing = 4,
  kOutOfRange = 5,
  kTooLong = 6,
  kBadUtf8 = 7,
  kNulCharacter = 8,
  kInexact = 9,
  kDuplicateKey = 10,
  kForeignKey = 11,
  kConstraint = 12,
  kDatabase = 13,
};

inline constexpr size_t kRejectReasons = 14;
using RowsByReason = std::array<uint64_t, kRejectReasons>;

// Lower case, as metrics and logs show it: `unknown_column`, `wrong_type`, …
std::string_view RejectReasonName(RejectReason reason);

// One refused row of a request. Never holds the row's values.
struct RowRejection {
  uint32_t row = 0;  // index in the request
  std::string field{};
  RejectReason reason = RejectReason::kNone;
  std::string detail{};
};

void CountByReason(absl::Span<const RowRejection> rejected, RowsByReason* rows);

}  // namespace batchsql
