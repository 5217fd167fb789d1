#pragma once

#include <cstdint>

namespace batchsql::postgresql {

// OIDs of the built-in types that we write; they are fixed for good (pg_type.dat).
enum TypeOid : uint32_t {
  kBoolOid = 16,
  kByteaOid = 17,
  kInt8Oid = 20,
  kInt2Oid = 21,
  kInt4Oid = 23,
  kTextOid = 25,
  kJsonOid = 114,
  kFloat4Oid = 700,
  kFloat8Oid = 701,
  kBpcharOid = 1042,
  kVarcharOid = 1043,
  kDateOid = 1082,
  kTimeOid = 1083,
  kTimestampOid = 1114,
  kTimestampTzOid = 1184,
  kNumericOid = 1700,
  kUuidOid = 2950,
  kJsonbOid = 3802,
};

// The type of arrays of a type above, fixed for good too; 0 for any other.
constexpr uint32_t ArrayOidOf(uint32_t element) {
  switch (element) {
    case kBoolOid:
      return 1000;
    case kByteaOid:
      return 1001;
    case kInt2Oid:
      return 1005;
    case kInt4Oid:
      return 1007;
    case kTextOid:
      return 1009;
    case kBpcharOid:
      return 1014;
    case kVarcharOid:
      return 1015;
    case kInt8Oid:
      return 1016;
    case kFloat4Oid:
      return 1021;
    case kFloat8Oid:
      return 1022;
    case kTimestampOid:
      return 1115;
    case kDateOid:
      return 1182;
    case kTimeOid:
      return 1183;
    case kTimestampTzOid:
      return 1185;
    case kNumericOid:
      return 1231;
    case kJsonOid:
      return 199;
    case kUuidOid:
      return 2951;
    case kJsonbOid:
      return 3807;
    default:
      return 0;
  }
}

// 2000-01-01, PostgreSQL's own epoch.
inline constexpr int64_t kEpochDays = 10'957;
inline constexpr int64_t kEpochMicros = kEpochDays * 86'400'000'000;

}  // namespace batchsql::postgresql
