#include "executors/mysql/multi_row_writer.h"

#include <cppconn/datatype.h>
#include <cppconn/prepared_statement.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "executors/mysql/cell_text.h"
#include "executors/mysql/sql_text.h"

namespace batchsql {
namespace {

// More rows a statement are no faster.
constexpr size_t kStatementRowsMax = 1024;
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

MultiRowWriter::MultiRowWriter(ConnectorConnection& connection)
    : MySqlRowWriter(connection.server().packet_bytes_max), connection_(connection) {}

MultiRowWriter::~MultiRowWriter() = default;

size_t MultiRowWriter::StatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t columns,
                                     uint64_t bytes_max) const {
  const size_t rows_max =
      std::min<size_t>(kStatementRowsMax, kParametersMax / std::max<size_t>(columns, 1));
  return PowerOfTwoRows(ends, begin, rows_max, bytes_max);
}

DatabaseError MultiRowWriter::WriteStatement(const Statement& statement) {
  const MySqlInsert insert =
      MakeMySqlInsert(*statement.plan.schema, statement.columns, statement.write_has_long_cell);
  std::unique_ptr<sql::PreparedStatement>* prepared = nullptr;
  DatabaseError error = prepared_.Find(
      absl::StrCat(statement.rows, " ", insert.Text(1)),
      [&](auto* made) { return connection_.Prepare(insert.Text(statement.rows), made); },
      &prepared);
  return error.ok() ? Execute(statement, **prepared) : error;
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
