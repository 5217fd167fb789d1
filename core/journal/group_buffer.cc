#include "core/journal/group_buffer.h"

namespace batchsql {
namespace {

constexpr char kZeros[8] = {};

}  // namespace

void GroupBuffer::Start(Lsn next_lsn) {
  bytes_ = 0;
  next_lsn_ = next_lsn;
  heads_.clear();
  records_.clear();
  parts_.clear();
}

void GroupBuffer::Add(const JournalEntry& entry) {
  Record record;
  record.head = heads_.size();
  heads_.append(kRecordHeaderBytes, '\0');
  AppendBody(entry, &heads_);
  record.header.body_bytes =
      static_cast<uint32_t>(heads_.size() - record.head - kRecordHeaderBytes);
  heads_.resize(AlignUp(heads_.size(), 8), '\0');
  record.head_bytes = heads_.size() - record.head;
  record.rows = RowsOf(entry);
  const uint64_t length = record.head_bytes + AlignUp(record.rows.size(), 8);
  record.header.length = static_cast<uint32_t>(length);
  record.header.lsn = next_lsn_;
  record.header.type = entry.type;
  if (entry.request.has_value()) next_lsn_ = entry.request->last_lsn() + 1;
  bytes_ += length;
  records_.push_back(record);
}

absl::Span<const absl::Span<const char>> GroupBuffer::Seal(uint64_t seed, uint64_t group,
                                                           uint64_t offset) {
  parts_.clear();
  for (Record& record : records_) {
    char* const head = heads_.data() + record.head;
    const absl::Span<const char> padding(kZeros,
                                         AlignUp(record.rows.size(), 8) - record.rows.size());
    record.header.group = group;
    record.header.group_offset = offset;
    EncodeRecordHeader(record.header, seed, head);
    constexpr size_t kSkipped = sizeof(record.header.checksum);
    checksum_.Start(seed);
    checksum_.Add({head + kSkipped, record.head_bytes - kSkipped});
    checksum_.Add(record.rows);
    checksum_.Add(padding);
    SetRecordChecksum(checksum_.Value(), head);
    parts_.emplace_back(head, record.head_bytes);
    if (!record.rows.empty()) parts_.push_back(record.rows);
    if (!padding.empty()) parts_.push_back(padding);
  }
  return parts_;
}

}  // namespace batchsql
