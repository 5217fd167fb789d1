#include "tests/bench/hot_path.h"

#include <limits>
#include <stdexcept>
#include <utility>

#include "cli/generator.h"
#include "executors/postgresql/native_types.h"
#include "server/decode/write_request.h"

namespace batchsql::bench {
namespace {

constexpr uint64_t kSeed = 1;

Column MakeColumn(const char* name, ColumnType type, uint32_t oid) {
  Column column;
  column.name = name;
  column.type = type;
  column.native_id = oid;
  column.takes_nul = false;
  return column;
}

}  // namespace

std::shared_ptr<const TableSchema> EventsTable(Conflict conflict) {
  std::vector<Column> columns = {
      MakeColumn("id", ColumnType::kInt64, postgresql::kInt8Oid),
      MakeColumn("ts", ColumnType::kTimestampTz, postgresql::kTimestampTzOid),
      MakeColumn("user_id", ColumnType::kInt64, postgresql::kInt4Oid),
      MakeColumn("name", ColumnType::kText, postgresql::kVarcharOid),
      MakeColumn("amount", ColumnType::kFloat64, postgresql::kFloat8Oid),
      MakeColumn("payload", ColumnType::kText, postgresql::kTextOid)};
  columns[0].nullable = false;
  columns[0].key_is_bytes = true;
  columns[2].min = std::numeric_limits<int32_t>::min();
  columns[2].max = std::numeric_limits<int32_t>::max();
  columns[3].chars_max = 64;
  WriteRule rule;
  rule.conflict = conflict;
  absl::StatusOr<TableSchema> schema =
      TableSchema::Create({"public", "events"}, std::move(columns), {0}, {{0}}, std::move(rule));
  if (!schema.ok()) throw std::logic_error(std::string(schema.status().message()));
  return std::make_shared<const TableSchema>(*std::move(schema));
}

std::vector<WorkloadRow> GeneratedRows(size_t rows) {
  absl::StatusOr<cli::Generator> generator =
      cli::Generator::Create("w", kSeed, cli::FileFormat::kCsv);
  if (!generator.ok()) throw std::logic_error(std::string(generator.status().message()));
  generator->Header();
  for (size_t i = 0; i < rows; ++i) generator->Row();
  return ReadWorkload(generator->buffer(), "generated rows");
}

std::vector<std::string> Messages(absl::Span<const WorkloadRow> rows, size_t rows_per_message,
                                  RequestForm form) {
  std::vector<std::string> messages;
  for (size_t begin = 0; begin < rows.size(); begin += rows_per_message) {
    messages.push_back(EncodeRequest(rows.subspan(begin, rows_per_message), form, "events",
                                     v1::ACK_LEVEL_DATABASE));
  }
  return messages;
}

RowBlock HotPath::Decode(const std::string& message) {
  const absl::StatusOr<DecodedRequest> request = DecodeWriteRequest(message, {});
  if (!request.ok()) throw std::logic_error(std::string(request.status().message()));
  builder_.Start(*schema_);
  const absl::Status status = request->rows->Decode(builder_);
  BuiltRows built = builder_.Finish();
  if (!status.ok() || !built.rejected.empty()) throw std::logic_error("rows are refused");
  return *std::move(built.block);
}

QueuedBlock HotPath::Queue(RowBlock rows) {
  QueuedBlock block;
  block.rows = std::move(rows);
  block.schema = schema_;
  block.answer.accepted_rows = block.rows.rows();
  block.answer.first_lsn = next_lsn_;
  block.answer.last_lsn = next_lsn_ + block.rows.rows() - 1;
  next_lsn_ = block.answer.last_lsn + 1;
  return block;
}

uint64_t HotPath::Seal(std::vector<QueuedBlock>& blocks) {
  std::vector<JournalEntry> entries;
  entries.reserve(blocks.size());
  for (QueuedBlock& block : blocks) entries.push_back(RequestEntry(std::move(block)));
  group_.Start(entries.front().request->first_lsn());
  for (const JournalEntry& entry : entries) group_.Add(entry);
  uint64_t bytes = 0;
  for (const absl::Span<const char> part : group_.Seal(1, 1, 4096)) bytes += part.size();
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = *std::move(entries[i].request);
  return bytes;
}

Batch HotPath::Assemble(std::vector<QueuedBlock> blocks) {
  BatchLimits limits;
  limits.rows_max = std::numeric_limits<uint64_t>::max();
  limits.bytes_max = limits.rows_max;
  Batcher batcher(limits);
  for (QueuedBlock& block : blocks) batcher.Add(std::move(block));
  return batcher.Take();
}

WritePlan HotPath::Plan(const Batch& batch) const {
  std::vector<const RowBlock*> blocks;
  blocks.reserve(batch.blocks.size());
  for (const QueuedBlock& block : batch.blocks) blocks.push_back(&block.rows);
  return PlanWrite(schema_, std::move(blocks));
}

uint64_t HotPath::Encode(const WritePlan& plan) {
  uint64_t bytes = 0;
  for (const WriteGroup& group : plan.groups) {
    encoder_.Encode(plan, group.columns, group.rows, /*with_ordinal=*/false,
                    [&](std::string_view piece) {
                      bytes += piece.size();
                      return true;
                    });
  }
  return bytes;
}

}  // namespace batchsql::bench
