#include "executors/mysql/multi_row_writer.h"

#include <cppconn/datatype.h>
#include <cppconn/prepared_statement.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "executors/mysql/cell_text.h"
#include "executors/mysql/errors.h"

namespace batchsql {
namespace {

// More parameters than this a statement cannot have.
constexpr size_t kParametersMax = 65'535;
// The connector keeps a statement's last values; more than this is given back at once.
constexpr uint64_t kKeptValueBytesMax = 1ULL << 20U;

void BindText(sql::PreparedStatement& statement, uint32_t index, std::string_view text) {
  statement.setString(index, sql::SQLString(text.data(), text.size()));
}

// One setter per column, always: the connector never takes back that a parameter was unsigned.
void Bind(sql::PreparedStatement& statement, uint32_t index, const Column& column,
          const ColumnView& cells, uint32_t row) {
  char buffer[kMySqlCellChars];
  switch (column.type) {
    case ColumnType::kBool:
    case ColumnType::kInt64:
      return statement.setInt64(index, cells.i64(row));
    case ColumnType::kUint64:
      return statement.setUInt64(index, cells.u64(row));
    case ColumnType::kFloat32:
    case ColumnType::kFloat64:
      return statement.setDouble(index, cells.f64(row));
    case ColumnType::kDate:
    case ColumnType::kTime:
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return BindText(statement, index,
                      MySqlTimeText(column.type, cells.i64(row), absl::MakeSpan(buffer)));
    case ColumnType::kUuid:
      return BindText(statement, index, MySqlUuidText(cells.bytes(row), absl::MakeSpan(buffer)));
    default:
      return BindText(statement, index, cells.bytes(row));
  }
}

}  // namespace

size_t PowerOfTwoRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                      uint64_t bytes_max) {
  return std::bit_floor(FittingRows(ends, begin, rows_max, bytes_max));
}

MultiRowWriter::MultiRowWriter(ConnectorConnection& connection, uint32_t statement_rows_max)
    : MySqlRowWriter(connection.server().packet_bytes_max),
      connection_(connection),
      statement_rows_max_(std::max<uint32_t>(statement_rows_max, 1)) {}

MultiRowWriter::~MultiRowWriter() = default;

size_t MultiRowWriter::StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                                     uint64_t bytes_max) const {
  const size_t rows_max =
      std::min<size_t>(statement_rows_max_, kParametersMax / std::max<size_t>(columns, 1));
  return PowerOfTwoRows(ends, begin, rows_max, bytes_max);
}

DatabaseError MultiRowWriter::WriteStatement(const Statement& statement) {
  const MySqlInsert insert =
      MakeMySqlInsert(*statement.plan.schema, statement.columns, statement.write_has_long_cell);
  sql::PreparedStatement* prepared = nullptr;
  if (DatabaseError e = Find(insert, statement.rows, &prepared); !e.ok()) return e;
  return Execute(statement, *prepared);
}

DatabaseError MultiRowWriter::Find(const MySqlInsert& insert, size_t rows,
                                   sql::PreparedStatement** statement) {
  const std::string shape = insert.Text(1);
  for (Prepared& prepared : prepared_) {
    if (prepared.rows != rows || prepared.shape != shape) continue;
    prepared.last_use = ++uses_;
    *statement = prepared.statement.get();
    return {};
  }
  if (prepared_.size() >= kPreparedMax) {
    prepared_.erase(std::min_element(
        prepared_.begin(), prepared_.end(),
        [](const Prepared& a, const Prepared& b) { return a.last_use < b.last_use; }));
  }
  Prepared prepared = {shape, rows, ++uses_, nullptr};
  DatabaseError error = connection_.Prepare(insert.Text(rows), &prepared.statement);
  if (!error.ok()) return error;
  *statement = prepared.statement.get();
  prepared_.push_back(std::move(prepared));
  return {};
}

DatabaseError MultiRowWriter::Execute(const Statement& statement,
                                      sql::PreparedStatement& prepared) {
  const TableSchema& schema = *statement.plan.schema;
  return CatchMySqlErrors([&] {
    uint32_t index = 0;
    ForEachRow(statement.plan, statement.columns, statement.ranges,
               [&](absl::Span<const ColumnView> cells, uint32_t row) {
                 for (size_t i = 0; i < cells.size(); ++i) {
                   ++index;
                   if (cells[i].state(row) == CellState::kNull) {
                     prepared.setNull(index, sql::DataType::SQLNULL);
                   } else {
                     Bind(prepared, index, schema.column(statement.columns[i]), cells[i], row);
                   }
                 }
               });
    prepared.executeUpdate();
    if (statement.bytes > kKeptValueBytesMax) prepared.clearParameters();
  });
}

}  // namespace batchsql
