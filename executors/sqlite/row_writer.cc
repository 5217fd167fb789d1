#include "executors/sqlite/row_writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "executors/shared/write_session.h"
#include "executors/sqlite/declared_type.h"
#include "executors/sqlite/errors.h"
#include "executors/sqlite/insert_sql.h"

namespace batchsql::sqlite {
namespace {

constexpr uint32_t kFractionDigits = 6;

// Whether a NUMERIC column would store the JSON document as another number: an integer of 64 bits
// is kept, any other bare number may lose digits. Other documents are no numbers to SQLite.
bool IsNumberThatChanges(std::string_view json) {
  const size_t first = json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  json.remove_prefix(first);
  if (json.front() != '-' && (json.front() < '0' || json.front() > '9')) return false;
  int64_t integer = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), integer);
  return error != std::errc() || end != json.data() + json.size() || json == "-0";
}

std::string_view FormatUuid(std::string_view bytes, absl::Span<char> buffer) {
  constexpr char kHex[] = "0123456789abcdef";
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) buffer[at++] = '-';
    const auto byte = static_cast<uint8_t>(bytes[i]);
    buffer[at++] = kHex[byte >> 4U];
    buffer[at++] = kHex[byte & 0xfU];
  }
  return {buffer.data(), at};
}

std::string_view FormatTimestampTz(int64_t micros, absl::Span<char> buffer) {
  const std::string_view text =
      FormatTimestamp(micros, kFractionDigits, ' ', buffer.first(buffer.size() - 1));
  buffer[text.size()] = 'Z';
  return {text.data(), text.size() + 1};
}

}  // namespace

RowWriter::RowWriter(Connection& connection, const TableSchema& schema,
                     absl::Span<const uint16_t> columns)
    : connection_(connection), schema_(schema), columns_(columns) {
  for (uint16_t index : columns) {
    const Column& column = schema.column(index);
    bindings_.push_back({column.type, column.type == ColumnType::kJson &&
                                          AffinityOf(column.native_type) == Affinity::kNumeric});
  }
  const auto cells = std::max<uint32_t>(1, static_cast<uint32_t>(columns.size()));
  rows_per_statement_ = columns.empty() ? 1
                                        : std::clamp<uint32_t>(connection.parameters_max() / cells,
                                                               1, kRowsPerStatementMax);
}

DatabaseError RowWriter::Write(const WritePlan& plan, absl::Span<const RowRange> ranges) {
  uint64_t rows_left = CountRows(ranges);
  DatabaseError error;
  ForEachRow(plan, columns_, ranges, [&](absl::Span<const ColumnView> cells, uint32_t row) {
    if (!error.ok()) return;
    if (bound_rows_ == 0) {
      error = Prepare(rows_left >= rows_per_statement_ ? rows_per_statement_ : 1);
      if (!error.ok()) return;
    }
    error = AddRow(cells, row);
    --rows_left;
  });
  // The statement stays in the cache, the blocks do not stay.
  if (statement_ != nullptr) sqlite3_clear_bindings(statement_);
  return error;
}

DatabaseError RowWriter::Prepare(uint32_t rows) {
  if (statement_rows_ == rows) return {};
  if (statement_ != nullptr) sqlite3_clear_bindings(statement_);
  statement_ = nullptr;
  statement_rows_ = rows;
  scratch_.resize(rows * columns_.size());
  return connection_.Prepared(InsertSql(schema_, columns_, rows), &statement_);
}

DatabaseError RowWriter::AddRow(absl::Span<const ColumnView> cells, uint32_t row) {
  int parameter = static_cast<int>(bound_rows_ * columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    if (DatabaseError error = Bind(bindings_[i], cells[i], row, ++parameter); !error.ok()) {
      return error;
    }
  }
  if (++bound_rows_ < statement_rows_) return {};
  bound_rows_ = 0;
  return Run();
}

// A trigger that leaves rows out (RAISE(IGNORE)) would lose them in silence.
DatabaseError RowWriter::Run() {
  DatabaseError error = connection_.Run(statement_);
  if (!error.ok() || schema_.conflict() != Conflict::kInsert) return error;
  const uint64_t written = connection_.changes();
  if (written == statement_rows_) return {};
  return {ErrorClass::kPause,
          std::string(kRowCountCode),
          absl::StrCat("of ", statement_rows_, " rows, INSERT wrote ", written),
          {},
          {}};
}

DatabaseError RowWriter::Bind(const Binding& binding, const ColumnView& cells, uint32_t row,
                              int parameter) {
  int code = SQLITE_OK;
  if (cells.state(row) != CellState::kValue) {
    code = sqlite3_bind_null(statement_, parameter);
  } else {
    switch (binding.type) {
      case ColumnType::kBool:
      case ColumnType::kInt64:
        code = sqlite3_bind_int64(statement_, parameter, cells.i64(row));
        break;
      case ColumnType::kFloat32:
      case ColumnType::kFloat64:
        code = sqlite3_bind_double(statement_, parameter, cells.f64(row));
        break;
      case ColumnType::kBytes:
        code = BindBytes(cells.bytes(row), parameter);
        break;
      case ColumnType::kJson:
        if (binding.numbers_change && IsNumberThatChanges(cells.bytes(row))) {
          return {ErrorClass::kRow, "SQLITE_MISMATCH", "", RejectReason::kInexact, ""};
        }
        code = BindChars(cells.bytes(row), parameter);
        break;
      default:
        code = BindText(binding, cells, row, parameter);
    }
  }
  return code == SQLITE_OK ? DatabaseError() : MakeError(code, sqlite3_errstr(code));
}

int RowWriter::BindText(const Binding& binding, const ColumnView& cells, uint32_t row,
                        int parameter) {
  const absl::Span<char> buffer = absl::MakeSpan(scratch_[static_cast<size_t>(parameter) - 1]);
  switch (binding.type) {
    case ColumnType::kUint64: {
      const auto end =
          std::to_chars(buffer.data(), buffer.data() + buffer.size(), cells.u64(row)).ptr;
      return BindChars({buffer.data(), static_cast<size_t>(end - buffer.data())}, parameter);
    }
    case ColumnType::kDate:
      return BindChars(FormatDate(cells.i64(row), buffer), parameter);
    case ColumnType::kTime:
      return BindChars(FormatTime(cells.i64(row), kFractionDigits, buffer), parameter);
    case ColumnType::kTimestamp:
      return BindChars(FormatTimestamp(cells.i64(row), kFractionDigits, ' ', buffer), parameter);
    case ColumnType::kTimestampTz:
      return BindChars(FormatTimestampTz(cells.i64(row), buffer), parameter);
    case ColumnType::kUuid:
      return BindChars(FormatUuid(cells.bytes(row), buffer), parameter);
    default:
      return BindChars(cells.bytes(row), parameter);
  }
}

// A null pointer would mean NULL: empty values get another.
int RowWriter::BindBytes(std::string_view bytes, int parameter) {
  return sqlite3_bind_blob64(statement_, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(),
                             SQLITE_STATIC);
}

int RowWriter::BindChars(std::string_view text, int parameter) {
  return sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(),
                             SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace batchsql::sqlite
