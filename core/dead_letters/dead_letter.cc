#include "core/dead_letters/dead_letter.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/cell_value.h"
#include "core/strings.h"

namespace batchsql {
namespace {

void AppendCell(const LetterCell& cell, ByteWriter& out) {
  out.String(cell.column);
  out.U8(static_cast<uint8_t>(cell.type));
  out.U8(static_cast<uint8_t>(cell.element));
  out.U8(cell.is_null ? 1 : 0);
  if (cell.is_null) return;
  if (IsVariable(cell.type)) {
    out.String(cell.bytes);
  } else {
    out.U64(cell.fixed);
  }
}

bool ReadType(ByteReader& in, ColumnType* type) {
  const uint8_t number = in.U8();
  *type = static_cast<ColumnType>(number);
  return number <= static_cast<uint8_t>(ColumnType::kArray);
}

bool ReadCell(ByteReader& in, LetterCell* cell) {
  cell->column = in.String();
  if (!ReadType(in, &cell->type) || !ReadType(in, &cell->element)) return false;
  cell->is_null = in.U8() != 0;
  if (cell->is_null) return in.ok();
  if (IsVariable(cell->type)) {
    cell->bytes = in.String();
  } else {
    cell->fixed = in.U64();
  }
  return in.ok();
}

std::string ReplayPrefix(const Uuid& pipeline) {
  return absl::StrCat(AsAbsl(kReplayProducerPrefix), UuidText(pipeline), ":");
}

// Validation's rejections have none.
Lsn LsnOfRow(const RequestAnswer& request, uint32_t row) {
  const auto rejected = std::count_if(request.rejected.begin(), request.rejected.end(),
                                      [row](const RowRejection& other) { return other.row < row; });
  return request.first_lsn + row - static_cast<Lsn>(rejected);
}

}  // namespace

DeadLetter LetterOfRow(const RequestAnswer& request, const TableSchema& schema,
                       const RowBlock& block, uint32_t row) {
  DeadLetter letter;
  letter.first_lsn = request.first_lsn;
  letter.row = block.source_row(row);
  letter.id = LsnOfRow(request, letter.row);
  letter.producer_id = request.producer_id;
  letter.sequence = request.sequence;
  for (uint32_t i = 0; i < block.column_count(); ++i) {
    const ColumnView view = block.column(i);
    const CellState state = view.state(row);
    if (state == CellState::kAbsent) continue;
    const Column& column = schema.column(view.schema_index());
    LetterCell cell{column.name, column.type, column.element, state == CellState::kNull, 0, {}};
    if (state == CellState::kValue) {
      if (IsVariable(column.type)) {
        cell.bytes = std::string(view.bytes(row));
      } else {
        cell.fixed = view.u64(row);
      }
    }
    letter.cells.push_back(std::move(cell));
  }
  return letter;
}

RowRejection RejectionOf(const DeadLetter& letter) {
  return {letter.row, letter.column, letter.reason,
          letter.code.empty() ? letter.detail : RefusalDetail(letter.code)};
}

std::string RefusalDetail(std::string_view database_code) {
  return absl::StrCat("the database refused the row: ", AsAbsl(database_code));
}

Value LetterValue(const LetterCell& cell, std::vector<Value>* elements) {
  if (cell.is_null) return Value::Null();
  return StoredValue(cell.type, cell.element, cell.fixed, cell.bytes, elements);
}

std::string LetterTypeName(const LetterCell& cell) {
  if (cell.type != ColumnType::kArray) return std::string(ColumnTypeName(cell.type));
  return absl::StrCat("array of ", AsAbsl(ColumnTypeName(cell.element)));
}

std::string ReplayProducer(const Uuid& pipeline, uint64_t letter_id) {
  return absl::StrCat(ReplayPrefix(pipeline), letter_id);
}

uint64_t ReplayedLetter(const Uuid& pipeline, std::string_view producer_id) {
  const std::string prefix = ReplayPrefix(pipeline);
  if (!producer_id.starts_with(prefix)) return 0;
  const std::string_view digits = producer_id.substr(prefix.size());
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return error == std::errc() && end == digits.data() + digits.size() ? id : 0;
}

void AppendLetter(const DeadLetter& letter, std::string* bytes) {
  ByteWriter out(bytes);
  out.U64(letter.id);
  out.Bytes(letter.pipeline);
  out.U64(letter.attempt);
  out.U64(letter.first_lsn);
  out.U32(letter.row);
  out.String(letter.producer_id);
  out.U64(letter.sequence);
  out.U64(letter.time_ms);
  out.U8(static_cast<uint8_t>(letter.reason));
  out.String(letter.column);
  out.String(letter.code);
  out.U32(static_cast<uint32_t>(letter.cells.size()));
  for (const LetterCell& cell : letter.cells) AppendCell(cell, out);
  if (!letter.detail.empty()) out.String(letter.detail);
}

absl::StatusOr<DeadLetter> ParseLetter(std::string_view bytes) {
  ByteReader in(bytes);
  DeadLetter letter;
  letter.id = in.U64();
  in.Bytes(letter.pipeline);
  letter.attempt = in.U64();
  letter.first_lsn = in.U64();
  letter.row = in.U32();
  letter.producer_id = in.String();
  letter.sequence = in.U64();
  letter.time_ms = in.U64();
  const uint8_t reason = in.U8();
  letter.reason = static_cast<RejectReason>(reason);
  letter.column = in.String();
  letter.code = in.String();
  const uint32_t cells = in.U32();
  bool good = in.ok() && reason <= static_cast<uint8_t>(RejectReason::kDatabase);
  for (uint32_t i = 0; i < cells && good; ++i) {
    good = ReadCell(in, &letter.cells.emplace_back());
  }
  if (good && !in.empty()) letter.detail = in.String();
  if (!good || !in.ok() || !in.empty()) return absl::DataLossError("a dead letter is malformed");
  return letter;
}

}  // namespace batchsql
