#include "executors/mysql/array_row_writer.h"

#include <mysql.h>

#include <string>
#include <string_view>

#include "core/civil_time.h"
#include "executors/mysql/cell_text.h"
#include "executors/mysql/sql_text.h"

namespace batchsql {
namespace {

// More rows a statement are no faster.
constexpr size_t kStatementRowsMax = 10'000;
constexpr size_t kUuidChars = 36;

MYSQL_TIME ClockOf(int64_t micros) {
  MYSQL_TIME time = {};
  time.neg = micros < 0 ? 1 : 0;
  const uint64_t span = micros < 0 ? -static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  time.second_part = span % kMicrosPerSecond;
  const uint64_t seconds = span / kMicrosPerSecond;
  time.second = seconds % 60;
  time.minute = seconds / 60 % 60;
  // A span of more than a day has days: on the wire hours are a byte.
  time.hour = seconds / 3600 % 24;
  time.day = static_cast<unsigned int>(seconds / 3600 / 24);
  time.time_type = MYSQL_TIMESTAMP_TIME;
  return time;
}

void SetDate(int64_t days, MYSQL_TIME* time) {
  const CivilDate date = CivilFromDays(days);
  time->year = static_cast<unsigned int>(date.year);
  time->month = date.month;
  time->day = date.day;
}

MYSQL_TIME TimeOf(ColumnType type, int64_t value) {
  if (type == ColumnType::kTime) return ClockOf(value);
  if (type == ColumnType::kDate) {
    MYSQL_TIME time = {};
    SetDate(value, &time);
    time.time_type = MYSQL_TIMESTAMP_DATE;
    return time;
  }
  const int64_t in_day = (value % kMicrosPerDay + kMicrosPerDay) % kMicrosPerDay;
  MYSQL_TIME time = ClockOf(in_day);
  SetDate((value - in_day) / kMicrosPerDay, &time);
  time.time_type = MYSQL_TIMESTAMP_DATETIME;
  return time;
}

}  // namespace

// The values of one parameter for many rows, in the form in which libmariadb takes them by column:
// numbers as an array, all else as an array of pointers. Values are copied; text stays in its
// block.
class ParameterArray {
 public:
  void Begin(ColumnType type, size_t rows) {
    type_ = type;
    has_null_ = false;
    indicators_.clear();
    numbers_.clear();
    times_.clear();
    uuids_.clear();
    pointers_.clear();
    lengths_.clear();
    indicators_.reserve(rows);
    // Pointers into these are kept: they must not grow.
    times_.reserve(IsTime() ? rows : 0);
    uuids_.reserve(type == ColumnType::kUuid ? rows * kUuidChars : 0);
  }

  void Add(const ColumnView& cells, uint32_t row) {
    const bool is_null = cells.state(row) == CellState::kNull;
    has_null_ |= is_null;
    indicators_.push_back(is_null ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE);
    if (IsNumber()) {
      numbers_.push_back(is_null ? 0 : cells.u64(row));
    } else if (IsTime()) {
      times_.push_back(is_null ? MYSQL_TIME{} : TimeOf(type_, cells.i64(row)));
      pointers_.push_back(&times_.back());
    } else {
      AddText(is_null ? std::string_view() : cells.bytes(row));
    }
  }

  // Valid until the next Begin.
  MYSQL_BIND Bind() {
    MYSQL_BIND bind = {};
    bind.buffer_type = BindType();
    bind.is_unsigned = type_ == ColumnType::kUint64 ? 1 : 0;
    if (IsNumber()) {
      bind.buffer = numbers_.data();
    } else {
      bind.buffer = pointers_.data();
    }
    if (!lengths_.empty()) bind.length = lengths_.data();
    if (has_null_) bind.u.indicator = indicators_.data();
    return bind;
  }

 private:
  bool IsNumber() const {
    return type_ == ColumnType::kBool || type_ == ColumnType::kInt64 ||
           type_ == ColumnType::kUint64 || IsFloat();
  }
  bool IsFloat() const { return type_ == ColumnType::kFloat32 || type_ == ColumnType::kFloat64; }
  bool IsTime() const {
    return type_ == ColumnType::kDate || type_ == ColumnType::kTime ||
           type_ == ColumnType::kTimestamp || type_ == ColumnType::kTimestampTz;
  }

  enum_field_types BindType() const {
    if (IsFloat()) return MYSQL_TYPE_DOUBLE;
    if (IsNumber()) return MYSQL_TYPE_LONGLONG;
    if (type_ == ColumnType::kDate) return MYSQL_TYPE_DATE;
    if (type_ == ColumnType::kTime) return MYSQL_TYPE_TIME;
    return IsTime() ? MYSQL_TYPE_DATETIME : MYSQL_TYPE_STRING;
  }

  void AddText(std::string_view bytes) {
    if (type_ == ColumnType::kUuid && !bytes.empty()) {
      char buffer[kMySqlCellChars];
      const std::string_view text = MySqlUuidText(bytes, absl::MakeSpan(buffer));
      const size_t begin = uuids_.size();
      uuids_.insert(uuids_.end(), text.begin(), text.end());
      bytes = {uuids_.data() + begin, text.size()};
    }
    pointers_.push_back(const_cast<char*>(bytes.data()));  // only read: it is a parameter
    lengths_.push_back(bytes.size());
  }

  ColumnType type_ = ColumnType::kInt64;
  bool has_null_ = false;
  std::vector<char> indicators_;
  std::vector<uint64_t> numbers_;  // integers, or the bits of doubles
  std::vector<MYSQL_TIME> times_;
  std::vector<char> uuids_;
  std::vector<void*> pointers_;
  std::vector<unsigned long> lengths_;  // NOLINT(google-runtime-int): the library's type
};

ArrayRowWriter::ArrayRowWriter(MariaDbConnection& connection)
    : MySqlRowWriter(connection.server().packet_bytes_max), connection_(connection) {}

ArrayRowWriter::~ArrayRowWriter() = default;

size_t ArrayRowWriter::StatementRows(absl::Span<const uint64_t> ends, size_t begin,
                                     size_t /*columns*/, uint64_t bytes_max) const {
  return FittingRows(ends, begin, kStatementRowsMax, bytes_max);
}

DatabaseError ArrayRowWriter::WriteStatement(const Statement& statement) {
  const MySqlInsert insert = MakeMySqlInsert(*statement.plan.schema, statement.columns, false);
  // Where no column is sent there is no parameter, hence no array.
  if (statement.columns.empty()) return connection_.Execute(insert.Text(statement.rows));
  const std::string sql = insert.Text(1);
  MariaDbStatement* kept = nullptr;
  DatabaseError error = prepared_.Find(
      sql, [&](MariaDbStatement* made) { return connection_.Prepare(sql, made); }, &kept);
  if (!error.ok()) return error;
  st_mysql_stmt* const prepared = kept->get();
  Fill(statement);
  std::vector<MYSQL_BIND> binds;
  binds.reserve(arrays_.size());
  for (ParameterArray& array : arrays_) binds.push_back(array.Bind());
  const auto rows = static_cast<unsigned int>(statement.rows);
  mysql_stmt_attr_set(prepared, STMT_ATTR_ARRAY_SIZE, &rows);
  if (mysql_stmt_bind_param(prepared, binds.data()) != 0 || mysql_stmt_execute(prepared) != 0) {
    return MariaDbError(prepared);
  }
  return {};
}

void ArrayRowWriter::Fill(const Statement& statement) {
  arrays_.resize(statement.columns.size());
  for (size_t i = 0; i < arrays_.size(); ++i) {
    arrays_[i].Begin(statement.plan.schema->column(statement.columns[i]).type, statement.rows);
  }
  ForEachRow(statement.plan, statement.columns, statement.ranges,
             [&](absl::Span<const ColumnView> cells, uint32_t row) {
               for (size_t i = 0; i < cells.size(); ++i) arrays_[i].Add(cells[i], row);
             });
}

}  // namespace batchsql
