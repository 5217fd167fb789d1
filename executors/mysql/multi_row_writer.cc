#include "executors/mysql/row_writer.h"

#include <cppconn/datatype.h>
#include <cppconn/prepared_statement.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "executors/mysql/cell_text.h"
#include "executors/mysql/errors.h"

namespace batchsql {
namespace {

// More parameters than this a statement cannot have.
constexpr size_t kParametersMax = 65'535;
// Larger statements are no faster, and connector, library and server each hold a copy.
constexpr uint64_t kStatementBytesMax = 4ULL << 20U;
// Left free in a packet for all but the parameters.
constexpr uint64_t kPacketHeaderBytes = 1024;
// Upper bounds of what a cell takes in a packet beside its bytes, and of a fixed-width cell.
constexpr uint64_t kCellOverheadBytes = 12;
constexpr uint64_t kFixedCellBytes = 40;
// Longer strings are sent by the connector as long data, without a character set.
constexpr size_t kLongDataBytes = 256 * 1024;
constexpr size_t kPreparedMax = 32;
// The connector keeps a statement's last values; more than this is given back at once.
constexpr uint64_t kKeptValueBytesMax = 1ULL << 20U;

// Hands out `ranges` piece by piece.
class RangeCursor {
 public:
  explicit RangeCursor(absl::Span<const RowRange> ranges) : ranges_(ranges) {}

  // The next `rows` rows; valid until the next call.
  absl::Span<const RowRange> Take(size_t rows) {
    taken_.clear();
    while (rows > 0) {
      const RowRange& range = ranges_[at_];
      const uint32_t begin = range.begin + used_;
      const auto count = static_cast<uint32_t>(std::min<size_t>(rows, range.end - begin));
      if (count > 0) taken_.push_back({range.block, begin, begin + count});
      rows -= count;
      used_ += count;
      if (begin + count == range.end) {
        ++at_;
        used_ = 0;
      }
    }
    return taken_;
  }

 private:
  absl::Span<const RowRange> ranges_;
  size_t at_ = 0;
  uint32_t used_ = 0;
  std::vector<RowRange> taken_;
};

struct Measured {
  std::vector<uint64_t> ends;  // running total of the rows' bytes
  bool has_long_cell = false;
};

Measured Measure(const WritePlan& plan, absl::Span<const uint16_t> columns,
                 absl::Span<const RowRange> ranges) {
  Measured measured;
  measured.ends.reserve(CountRows(ranges));
  std::vector<size_t> variable;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (IsVariable(plan.schema->column(columns[i]).type)) variable.push_back(i);
  }
  const uint64_t fixed =
      columns.size() * kCellOverheadBytes + (columns.size() - variable.size()) * kFixedCellBytes;
  uint64_t total = 0;
  ForEachRow(plan, columns, ranges, [&](absl::Span<const ColumnView> cells, uint32_t row) {
    total += fixed;
    for (const size_t i : variable) {
      // A UUID is sent as text, a little longer than its bytes.
      const size_t bytes = std::max<size_t>(cells[i].bytes(row).size(), kFixedCellBytes);
      measured.has_long_cell |= bytes > kLongDataBytes;
      total += bytes;
    }
    measured.ends.push_back(total);
  });
  return measured;
}

uint64_t BytesBetween(absl::Span<const uint64_t> ends, size_t begin, size_t rows) {
  return ends[begin + rows - 1] - (begin == 0 ? 0 : ends[begin - 1]);
}

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

size_t NextStatementRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                         uint64_t bytes_max) {
  size_t rows = std::bit_floor(std::min(ends.size() - begin, rows_max));
  while (rows > 1 && BytesBetween(ends, begin, rows) > bytes_max) rows /= 2;
  return rows;
}

MySqlRowWriter::MySqlRowWriter(MySqlConnection& connection, uint32_t statement_rows_max)
    : connection_(connection), statement_rows_max_(std::max<uint32_t>(statement_rows_max, 1)) {}

MySqlRowWriter::~MySqlRowWriter() = default;

DatabaseError MySqlRowWriter::Write(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                    absl::Span<const RowRange> ranges) {
  const Measured measured = Measure(plan, columns, ranges);
  const MySqlInsert insert = MakeMySqlInsert(*plan.schema, columns, measured.has_long_cell);
  const std::string shape = insert.Text(1);
  const size_t rows_max =
      std::min<size_t>(statement_rows_max_, kParametersMax / std::max<size_t>(columns.size(), 1));
  const uint64_t packet_max = connection_.server().packet_bytes_max -
                              std::min(connection_.server().packet_bytes_max, kPacketHeaderBytes);
  RangeCursor cursor(ranges);
  for (size_t done = 0; done < measured.ends.size();) {
    const size_t rows =
        NextStatementRows(measured.ends, done, rows_max, std::min(packet_max, kStatementBytesMax));
    const uint64_t bytes = BytesBetween(measured.ends, done, rows);
    if (bytes > packet_max) return MySqlError(1153, "");
    sql::PreparedStatement* statement = nullptr;
    if (DatabaseError e = Find(insert, shape, rows, &statement); !e.ok()) return e;
    DatabaseError error = Execute(plan, columns, cursor.Take(rows), bytes, *statement);
    if (!error.ok()) return error;
    done += rows;
  }
  return {};
}

DatabaseError MySqlRowWriter::Find(const MySqlInsert& insert, const std::string& shape, size_t rows,
                                   sql::PreparedStatement** statement) {
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

DatabaseError MySqlRowWriter::Execute(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                      absl::Span<const RowRange> ranges, uint64_t bytes,
                                      sql::PreparedStatement& statement) {
  return CatchMySqlErrors([&] {
    uint32_t index = 0;
    ForEachRow(plan, columns, ranges, [&](absl::Span<const ColumnView> cells, uint32_t row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        ++index;
        if (cells[i].state(row) == CellState::kNull) {
          statement.setNull(index, sql::DataType::SQLNULL);
        } else {
          Bind(statement, index, plan.schema->column(columns[i]), cells[i], row);
        }
      }
    });
    statement.executeUpdate();
    if (bytes > kKeptValueBytesMax) statement.clearParameters();
  });
}

}  // namespace batchsql
