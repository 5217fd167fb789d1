#include "executors/mysql/row_writer.h"

#include <algorithm>
#include <vector>

#include "executors/mysql/errors.h"

namespace batchsql {
namespace {

// Larger statements are no faster, and client library and server each hold a copy.
constexpr uint64_t kStatementBytesMax = 4ULL << 20U;
// Left free in a packet for all but the parameters.
constexpr uint64_t kPacketHeaderBytes = 1024;
// Upper bounds of what a cell takes in a packet beside its bytes, and of a fixed-width cell.
constexpr uint64_t kCellOverheadBytes = 12;
constexpr uint64_t kFixedCellBytes = 40;

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
                 absl::Span<const RowRange> ranges, size_t long_cell_bytes) {
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
      measured.has_long_cell |= bytes > long_cell_bytes;
      total += bytes;
    }
    measured.ends.push_back(total);
  });
  return measured;
}

uint64_t BytesBetween(absl::Span<const uint64_t> ends, size_t begin, size_t rows) {
  return ends[begin + rows - 1] - (begin == 0 ? 0 : ends[begin - 1]);
}

}  // namespace

size_t FittingRows(absl::Span<const uint64_t> ends, size_t begin, size_t rows_max,
                   uint64_t bytes_max) {
  const absl::Span<const uint64_t> rest = ends.subspan(begin, rows_max);
  const uint64_t before = begin == 0 ? 0 : ends[begin - 1];
  const auto first_beyond = std::upper_bound(rest.begin(), rest.end(), before + bytes_max);
  return std::max<size_t>(first_beyond - rest.begin(), 1);
}

MySqlRowWriter::MySqlRowWriter(uint64_t packet_bytes_max)
    : packet_bytes_max_(packet_bytes_max - std::min(packet_bytes_max, kPacketHeaderBytes)) {}

DatabaseError MySqlRowWriter::Write(const WritePlan& plan, absl::Span<const uint16_t> columns,
                                    absl::Span<const RowRange> ranges) {
  const Measured measured = Measure(plan, columns, ranges, kLongCellBytes);
  const uint64_t bytes_max = std::min(packet_bytes_max_, kStatementBytesMax);
  RangeCursor cursor(ranges);
  for (size_t done = 0; done < measured.ends.size();) {
    const size_t rows = StatementRows(measured.ends, done, columns.size(), bytes_max);
    const uint64_t bytes = BytesBetween(measured.ends, done, rows);
    if (bytes > packet_bytes_max_) return MySqlError(1153, "");
    DatabaseError error =
        WriteStatement({plan, columns, cursor.Take(rows), rows, bytes, measured.has_long_cell});
    if (!error.ok()) return error;
    done += rows;
  }
  return {};
}

}  // namespace batchsql
