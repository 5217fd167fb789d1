#include "core/journal/journal_format.h"

#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/journal/checksum.h"
#include "core/journal/schema_bytes.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr std::string_view kMagic = "BSQLJRNL";
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr size_t kNameDigits = 16;
// magic, version, size
constexpr size_t kPrologueBytes = 16;
constexpr size_t kHeaderChecksumEnd = kPrologueBytes + sizeof(uint64_t);

template <typename T>
T Load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
void Store(T value, char* to) {
  std::memcpy(to, &value, sizeof(value));
}

uint64_t HeaderChecksum(std::string_view bytes) {
  const uint64_t seed = Checksum::Of(0, {bytes.data(), kPrologueBytes});
  return Checksum::Of(seed, {bytes.data() + kHeaderChecksumEnd, bytes.size() - kHeaderChecksumEnd});
}

uint32_t RecordHeaderCheck(const char* header, uint64_t seed) {
  return static_cast<uint32_t>(Checksum::Of(seed, {header + 12, kRecordHeaderBytes - 12}));
}

void AppendClaims(const std::vector<ClaimMark>& claims, ByteWriter& out) {
  out.U32(static_cast<uint32_t>(claims.size()));
  for (const ClaimMark& claim : claims) {
    out.U64(claim.epoch);
    out.Bytes(claim.token);
    out.U8(claim.held ? 1 : 0);
  }
}

std::vector<ClaimMark> ReadClaims(ByteReader& in) {
  std::vector<ClaimMark> claims;
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    ClaimMark& claim = claims.emplace_back();
    claim.epoch = in.U64();
    in.Bytes(claim.token);
    claim.held = in.U8() != 0;
  }
  return claims;
}

absl::Status Malformed(std::string_view what) {
  return absl::DataLossError(absl::StrCat("bad segment header: ", AsAbsl(what)));
}

absl::StatusOr<SegmentHeader> ReadFields(ByteReader in) {
  SegmentHeader header;
  in.Bytes(header.id);
  header.number = in.U64();
  header.first_lsn = in.U64();
  header.first_group = in.U64();
  header.previous_number = in.U64();
  header.previous_end = in.U64();
  header.claims = ReadClaims(in);
  const std::string_view schema = in.View();
  const std::string_view producers = in.View();
  if (!in.ok()) return Malformed("it is shorter than its parts");
  if (!schema.empty()) {
    absl::StatusOr<TableSchema> parsed = ParseSchema(schema);
    if (!parsed.ok()) return Malformed(AsStd(parsed.status().message()));
    header.schema = std::make_shared<const TableSchema>(*std::move(parsed));
  }
  absl::StatusOr<Producers> parsed = Producers::Parse(producers);
  if (!parsed.ok()) return Malformed(AsStd(parsed.status().message()));
  header.producers = *std::move(parsed);
  return header;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kMagic);
  ByteWriter out(&bytes);
  out.U32(kJournalVersion);
  out.U32(0);  // the size, below
  out.U64(0);  // the checksum, below
  out.Bytes(header.id);
  out.U64(header.number);
  out.U64(header.first_lsn);
  out.U64(header.first_group);
  out.U64(header.previous_number);
  out.U64(header.previous_end);
  AppendClaims(header.claims, out);
  std::string part;
  if (header.schema != nullptr) {
    ByteWriter schema(&part);
    AppendSchema(*header.schema, schema);
  }
  out.String(part);
  part.clear();
  header.producers.AppendTo(&part);
  out.String(part);
  bytes.resize(AlignUp(bytes.size(), kSectorBytes), '\0');
  Store(static_cast<uint32_t>(bytes.size()), bytes.data() + 12);
  SetHeaderChecksum(&bytes);
  return bytes;
}

void SetHeaderChecksum(std::string* bytes) {
  Store(HeaderChecksum(*bytes), bytes->data() + kPrologueBytes);
}

absl::StatusOr<uint64_t> SegmentHeaderBytes(std::string_view start) {
  if (start.size() < kSectorBytes || !start.starts_with(kMagic))
    return Malformed("no magic number");
  const uint64_t size = Load<uint32_t>(start.data() + 12);
  if (size == 0 || size % kSectorBytes != 0 || size > kHeaderBytesMax) {
    return Malformed("impossible size");
  }
  return size;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  const absl::StatusOr<uint64_t> size = SegmentHeaderBytes(bytes);
  if (!size.ok()) return size.status();
  if (*size != bytes.size()) return Malformed("impossible size");
  if (HeaderChecksum(bytes) != Load<uint64_t>(bytes.data() + kPrologueBytes)) {
    return Malformed("wrong checksum");
  }
  const auto version = Load<uint32_t>(bytes.data() + 8);
  if (version != kJournalVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the journal has format version ", version,
                                                      "; this program knows version ",
                                                      kJournalVersion));
  }
  return ReadFields(ByteReader(bytes.substr(kHeaderChecksumEnd)));
}

std::string SegmentFileName(uint64_t number) {
  return absl::StrCat(absl::Dec(number, absl::kZeroPad16), AsAbsl(kSegmentSuffix));
}

std::optional<uint64_t> ParseSegmentFileName(std::string_view name) {
  if (!name.ends_with(kSegmentSuffix)) return std::nullopt;
  name.remove_suffix(kSegmentSuffix.size());
  uint64_t number = 0;
  if (name.size() != kNameDigits || !absl::SimpleAtoi(AsAbsl(name), &number)) return std::nullopt;
  return number;
}

uint64_t RecordSeed(const Uuid& id, uint64_t segment_number) {
  char bytes[sizeof(Uuid) + sizeof(segment_number)];
  std::memcpy(bytes, id.data(), id.size());
  Store(segment_number, bytes + id.size());
  return Checksum::Of(0, bytes);
}

void EncodeRecordHeader(const RecordHeader& header, uint64_t seed, char* to) {
  std::memset(to, 0, kRecordHeaderBytes);
  Store(header.length, to + 12);
  Store(header.lsn, to + 16);
  Store(header.group, to + 24);
  Store(header.group_offset, to + 32);
  Store(header.body_bytes, to + 40);
  Store(static_cast<uint8_t>(header.type), to + 44);
  Store(RecordHeaderCheck(to, seed), to + 8);
}

void SetRecordChecksum(uint64_t checksum, char* header) { Store(checksum, header); }

std::optional<RecordHeader> DecodeRecordHeader(const char* from, uint64_t seed) {
  RecordHeader header;
  header.length = Load<uint32_t>(from + 12);
  header.body_bytes = Load<uint32_t>(from + 40);
  // Cheap tests first: damage is searched for headers at every eighth byte.
  const auto type = Load<uint8_t>(from + 44);
  if (type < static_cast<uint8_t>(RecordType::kRequest) ||
      type > static_cast<uint8_t>(RecordType::kLost)) {
    return std::nullopt;
  }
  if (header.length % 8 != 0 || header.length < kRecordHeaderBytes ||
      header.body_bytes > header.length - kRecordHeaderBytes) {
    return std::nullopt;
  }
  if (Load<uint32_t>(from + 8) != RecordHeaderCheck(from, seed)) return std::nullopt;
  header.checksum = Load<uint64_t>(from);
  header.lsn = Load<uint64_t>(from + 16);
  header.group = Load<uint64_t>(from + 24);
  header.group_offset = Load<uint64_t>(from + 32);
  header.type = static_cast<RecordType>(type);
  return header;
}

}  // namespace batchsql
