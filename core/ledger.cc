#include "core/ledger.h"

#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/journal/checksum.h"

namespace batchsql {
namespace {

constexpr std::string_view kMagic = "BSQLLEDG";
constexpr uint32_t kVersion = 1;

uint64_t ChecksumOf(std::string_view bytes) {
  return Checksum::Of(0, absl::MakeConstSpan(bytes.data(), bytes.size()));
}

void AppendIntake(const IntakeTotals& totals, ByteWriter& out) {
  for (const uint64_t count :
       {totals.received, totals.replayed, totals.rejected, totals.deduplicated, totals.lost}) {
    out.U64(count);
  }
}

IntakeTotals ReadIntake(ByteReader& in) {
  IntakeTotals totals;
  for (uint64_t* count :
       {&totals.received, &totals.replayed, &totals.rejected, &totals.deduplicated, &totals.lost}) {
    *count = in.U64();
  }
  return totals;
}

void AppendSlots(const SlotTotals& totals, ByteWriter& out) {
  for (const uint64_t count :
       {totals.lsns, totals.committed, totals.coalesced, totals.refused, totals.digested}) {
    out.U64(count);
  }
  out.Bytes(totals.digest.ToBytes());
}

SlotTotals ReadSlots(ByteReader& in) {
  SlotTotals totals;
  for (uint64_t* count :
       {&totals.lsns, &totals.committed, &totals.coalesced, &totals.refused, &totals.digested}) {
    *count = in.U64();
  }
  RowDigest::Bytes digest{};
  in.Bytes(digest);
  totals.digest = RowDigest::FromBytes(digest);
  return totals;
}

}  // namespace

IntakeTotals& IntakeTotals::operator+=(const IntakeTotals& other) {
  received += other.received;
  replayed += other.replayed;
  rejected += other.rejected;
  deduplicated += other.deduplicated;
  lost += other.lost;
  return *this;
}

IntakeTotals& IntakeTotals::operator-=(const IntakeTotals& other) {
  received -= other.received;
  replayed -= other.replayed;
  rejected -= other.rejected;
  deduplicated -= other.deduplicated;
  lost -= other.lost;
  return *this;
}

std::string EncodeLedger(const LedgerRecord& record, uint64_t sequence) {
  std::string body;
  ByteWriter out(&body);
  out.U64(sequence);
  out.Bytes(record.pipeline);
  out.U64(record.time_ms);
  out.U64(record.through);
  out.U64(record.frontier);
  AppendIntake(record.intake, out);
  AppendSlots(record.slots, out);
  record.ended.AppendTo(out);

  std::string bytes(kMagic);
  ByteWriter head(&bytes);
  head.U32(kVersion);
  head.String(body);
  ByteWriter(&bytes).U64(ChecksumOf(bytes));
  return bytes;
}

absl::StatusOr<SequencedLedger> DecodeLedger(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return absl::DataLossError("no ledger");
  ByteReader in(bytes.substr(kMagic.size()));
  const uint32_t version = in.U32();
  const std::string_view body = in.View();
  const uint64_t checksum = in.U64();
  if (!in.ok()) return absl::DataLossError("the ledger is cut off");
  const auto checked = static_cast<size_t>(body.data() + body.size() - bytes.data());
  if (checksum != ChecksumOf(bytes.substr(0, checked))) {
    return absl::DataLossError("the ledger's checksum is wrong");
  }
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger has format version ", version, ", newer than ", kVersion));
  }
  ByteReader fields(body);
  SequencedLedger ledger;
  ledger.sequence = fields.U64();
  fields.Bytes(ledger.record.pipeline);
  ledger.record.time_ms = fields.U64();
  ledger.record.through = fields.U64();
  ledger.record.frontier = fields.U64();
  ledger.record.intake = ReadIntake(fields);
  ledger.record.slots = ReadSlots(fields);
  ledger.record.ended = EndedRows::Read(fields);
  if (!fields.ok()) return absl::DataLossError("the ledger's fields are malformed");
  return ledger;
}

}  // namespace batchsql
