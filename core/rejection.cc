#include "core/rejection.h"

#include "core/value.h"

namespace batchsql {

std::string_view RejectReasonName(RejectReason reason) {
  switch (reason) {
    case RejectReason::kNone:
      return "none";
    case RejectReason::kUnknownColumn:
      return "unknown_column";
    case RejectReason::kWrongType:
      return "wrong_type";
    case RejectReason::kNull:
      return "null";
    case RejectReason::kMissing:
      return "missing";
    case RejectReason::kOutOfRange:
      return "out_of_range";
    case RejectReason::kTooLong:
      return "too_long";
    case RejectReason::kBadUtf8:
      return "bad_utf8";
    case RejectReason::kNulCharacter:
      return "nul_character";
    case RejectReason::kInexact:
      return "inexact";
    case RejectReason::kDuplicateKey:
      return "duplicate_key";
    case RejectReason::kForeignKey:
      return "foreign_key";
    case RejectReason::kConstraint:
      return "constraint";
    case RejectReason::kDatabase:
      return "database";
  }
  return "";
}

void CountByReason(absl::Span<const RowRejection> rejected, RowsByReason* rows) {
  for (const RowRejection& rejection : rejected) {
    ++(*rows)[static_cast<size_t>(rejection.reason)];
  }
}

std::string_view ValueKindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kAbsent:
      return "absent";
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "bool";
    case Value::Kind::kInt:
      return "int";
    case Value::Kind::kUint:
      return "uint";
    case Value::Kind::kDouble:
      return "double";
    case Value::Kind::kText:
      return "text";
    case Value::Kind::kNumber:
      return "number";
    case Value::Kind::kBytes:
      return "bytes";
    case Value::Kind::kTimestamp:
      return "timestamp";
    case Value::Kind::kDate:
      return "date";
    case Value::Kind::kTime:
      return "time";
    case Value::Kind::kList:
      return "list";
  }
  return "";
}

}  // namespace batchsql
