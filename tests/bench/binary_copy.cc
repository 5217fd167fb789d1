#include "tests/bench/binary_copy.h"

#include <bit>
#include <cstring>

namespace batchsql::bench {
namespace {

constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
constexpr size_t kHeaderBytes = 19;
constexpr int64_t kEpochMicros = 946'684'800'000'000;  // 2000-01-01
constexpr size_t kFixedBytes = 2 + 6 * 4 + 8 + 8 + 4 + 8;

char* Put16(char* out, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

char* Put32(char* out, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

char* Put64(char* out, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

char* PutText(char* out, const std::string& text) {
  out = Put32(out, static_cast<uint32_t>(text.size()));
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* PutRow(char* out, const WorkloadRow& row) {
  out = Put16(out, 6);
  out = Put64(Put32(out, 8), static_cast<uint64_t>(row.id));
  out = Put64(Put32(out, 8), static_cast<uint64_t>(PostgresMicros(row)));
  out = Put32(Put32(out, 4), static_cast<uint32_t>(row.user_id));
  out = PutText(out, row.name);
  out = Put64(Put32(out, 8), std::bit_cast<uint64_t>(row.amount));
  return PutText(out, row.payload);
}

}  // namespace

int64_t PostgresMicros(const WorkloadRow& row) { return row.ts_us - kEpochMicros; }

void AppendBinaryCopy(absl::Span<const WorkloadRow> rows, std::string* out) {
  size_t bytes = kHeaderBytes + 2;
  for (const WorkloadRow& row : rows) bytes += kFixedBytes + row.name.size() + row.payload.size();
  const size_t begin = out->size();
  out->resize(begin + bytes);
  char* at = out->data() + begin;
  std::memcpy(at, kHeader, kHeaderBytes);
  at += kHeaderBytes;
  for (const WorkloadRow& row : rows) at = PutRow(at, row);
  Put16(at, 0xFFFF);
}

}  // namespace batchsql::bench
