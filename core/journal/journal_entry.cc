#include "core/journal/journal_entry.h"

#include <algorithm>
#include <utility>

#include "core/bytes.h"

namespace batchsql {
namespace {

QueuedBlock EmptyBlock(RequestAnswer answer, AckLevel level) {
  QueuedBlock block;
  block.answer = std::move(answer);
  block.level = level;
  return block;
}

bool ReadRequest(const RecordHeader& header, ByteReader& in, uint32_t* rows_bytes,
                 JournalEntry* entry) {
  const uint8_t level = in.U8();
  *rows_bytes = in.U32();
  RequestAnswer answer = ReadAnswer(in);
  if (level < static_cast<uint8_t>(AckLevel::kMemory) ||
      level > static_cast<uint8_t>(AckLevel::kDatabase)) {
    return false;
  }
  if (answer.first_lsn != header.lsn || answer.last_lsn < answer.first_lsn) return false;
  if (*rows_bytes == 0 && answer.last_lsn != answer.first_lsn) return false;
  entry->request = EmptyBlock(std::move(answer), static_cast<AckLevel>(level));
  return true;
}

bool ReadLost(const RecordHeader& header, ByteReader& in, JournalEntry* entry) {
  RequestAnswer answer;
  answer.first_lsn = header.lsn;
  answer.last_lsn = in.U64();
  if (answer.last_lsn < answer.first_lsn) return false;
  entry->request = EmptyBlock(std::move(answer), AckLevel::kMemory);
  return true;
}

bool ReadFields(const RecordHeader& header, ByteReader& in, uint32_t* rows_bytes,
                JournalEntry* entry) {
  switch (header.type) {
    case RecordType::kRequest:
      return ReadRequest(header, in, rows_bytes, entry);
    case RecordType::kLost:
      return ReadLost(header, in, entry);
    case RecordType::kClaim:
      entry->claim.epoch = in.U64();
      in.Bytes(entry->claim.token);
      entry->claim.held = in.U8() != 0;
      return true;
    case RecordType::kForget:
      entry->producer_id = in.String();
      return true;
    case RecordType::kRefused: {
      RequestAnswer answer = ReadAnswer(in);
      entry->producer_id = std::move(answer.producer_id);
      entry->sequence = answer.sequence;
      entry->refused = std::move(answer.refused);
      return true;
    }
    case RecordType::kEndMarker:
      return true;
  }
  return false;
}

// A claim is marked twice: when it is about to be made, and when it is held.
void AddClaim(const ClaimMark& claim, std::vector<ClaimMark>* claims) {
  if (!claims->empty() && claims->back().epoch == claim.epoch) claims->pop_back();
  claims->push_back(claim);
  if (claims->size() > kClaimsKept) claims->erase(claims->begin());
}

}  // namespace

JournalEntry RequestEntry(QueuedBlock block) {
  JournalEntry entry;
  entry.type = RecordType::kRequest;
  entry.request = std::move(block);
  return entry;
}

JournalEntry ClaimEntry(const ClaimMark& claim) {
  JournalEntry entry;
  entry.type = RecordType::kClaim;
  entry.claim = claim;
  return entry;
}

JournalEntry ForgetEntry(const std::string& producer_id) {
  JournalEntry entry;
  entry.type = RecordType::kForget;
  entry.producer_id = producer_id;
  return entry;
}

JournalEntry RefusedEntry(const std::string& producer_id, uint64_t sequence,
                          std::vector<RowRejection> refused) {
  JournalEntry entry;
  entry.type = RecordType::kRefused;
  entry.producer_id = producer_id;
  entry.sequence = sequence;
  entry.refused = std::move(refused);
  return entry;
}

void AppendBody(const JournalEntry& entry, std::string* bytes) {
  ByteWriter out(bytes);
  switch (entry.type) {
    case RecordType::kRequest:
      out.U8(static_cast<uint8_t>(entry.request->level));
      out.U32(static_cast<uint32_t>(entry.request->rows.size_bytes()));
      AppendAnswer(entry.request->answer, out);
      return;
    case RecordType::kLost:
      out.U64(entry.request->last_lsn());
      return;
    case RecordType::kClaim:
      out.U64(entry.claim.epoch);
      out.Bytes(entry.claim.token);
      out.U8(entry.claim.held ? 1 : 0);
      return;
    case RecordType::kForget:
      out.String(entry.producer_id);
      return;
    case RecordType::kRefused: {
      RequestAnswer answer;
      answer.producer_id = entry.producer_id;
      answer.sequence = entry.sequence;
      answer.refused = entry.refused;
      AppendAnswer(answer, out);
      return;
    }
    case RecordType::kEndMarker:
      return;
  }
}

absl::Span<const char> RowsOf(const JournalEntry& entry) {
  if (entry.type != RecordType::kRequest) return {};
  return entry.request->rows.buffer();
}

absl::StatusOr<JournalEntry> DecodeBody(const RecordHeader& header, std::string_view body,
                                        uint32_t* rows_bytes) {
  ByteReader in(body);
  JournalEntry entry;
  entry.type = header.type;
  *rows_bytes = 0;
  if (!ReadFields(header, in, rows_bytes, &entry) || !in.ok() || !in.empty()) {
    return absl::DataLossError("the record's fields are malformed");
  }
  const uint64_t rows_at = AlignUp(kRecordHeaderBytes + header.body_bytes, 8);
  if (header.length != rows_at + AlignUp(*rows_bytes, 8)) {
    return absl::DataLossError("the record's size contradicts its fields");
  }
  return entry;
}

absl::Status SetRows(std::unique_ptr<char[]> bytes, size_t size,
                     const std::shared_ptr<const TableSchema>& schema, JournalEntry* entry) {
  QueuedBlock& request = *entry->request;
  request.schema = schema;
  if (size == 0) return absl::OkStatus();
  if (schema == nullptr) return absl::DataLossError("rows in a segment without a schema");
  absl::StatusOr<RowBlock> rows = RowBlock::FromBuffer(std::move(bytes), size, *schema);
  if (!rows.ok()) return rows.status();
  const uint64_t numbers = request.last_lsn() - request.first_lsn() + 1;
  if (numbers != std::max<uint64_t>(1, rows->rows())) {
    return absl::DataLossError("the request's LSNs are not as many as its rows");
  }
  request.rows = *std::move(rows);
  return absl::OkStatus();
}

void Advance(const JournalEntry& entry, JournalTip* tip) {
  tip->empty = false;
  tip->marked = entry.type == RecordType::kEndMarker;
  switch (entry.type) {
    case RecordType::kRequest:
      tip->producers.Record(entry.request->answer);
      tip->next_lsn = entry.request->last_lsn() + 1;
      return;
    case RecordType::kLost:
      tip->next_lsn = entry.request->last_lsn() + 1;
      return;
    case RecordType::kClaim:
      AddClaim(entry.claim, &tip->claims);
      return;
    case RecordType::kForget:
      tip->producers.Forget(entry.producer_id);
      return;
    case RecordType::kRefused:
      tip->producers.SetRefused(entry.producer_id, entry.sequence, entry.refused);
      return;
    case RecordType::kEndMarker:
      return;
  }
}

}  // namespace batchsql
