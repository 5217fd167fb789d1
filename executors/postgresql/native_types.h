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

// 2000-01-01, PostgreSQL's own epoch.
inline constexpr int64_t kEpochDays = 10'957;
inline constexpr int64_t kEpochMicros = kEpochDays * 86'400'000'000;

}  // namespace batchsql::postgresql
