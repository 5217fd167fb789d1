#include "server/decode/json_rows.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/civil_time.h"
#include "core/limit_error.h"
#include "core/strings.h"
#include "server/decode/json_reader.h"

namespace batchsql {
namespace {

// Names in messages are cut: they come from a client.
constexpr size_t kNameCharsMax = 64;

absl::Status KeyTwice(std::string_view key) {
  return absl::InvalidArgumentError(absl::StrCat(
      "key \"", absl::Utf8SafeCHexEscape(AsAbsl(key.substr(0, kNameCharsMax))), "\" twice"));
}

// Appends rows to a builder.
class BuildingSink : public JsonRowSink {
 public:
  BuildingSink(const RequestLimits& limits, RowBlockBuilder& builder)
      : limits_(limits), builder_(builder) {}

  absl::Status Cell(std::string_view key, const JsonCell& cell) override {
    const absl::StatusOr<uint32_t> column = builder_.BindColumn(key, limits_.columns_max);
    if (!column.ok()) return column.status();
    if (*column >= seen_.size()) Add(*column);
    Seen& seen = seen_[*column];
    if (std::exchange(seen.rows, rows_ + 1) == rows_ + 1) return KeyTwice(key);
    row_bytes_ += BytesOf(cell);
    if (row_bytes_ > limits_.row_bytes_max) {
      return LimitPassed(
          absl::StrCat("more bytes than limits.row_bytes_max (", limits_.row_bytes_max, ")"));
    }
    builder_.Append(*column, ValueFor(seen.is_array, cell));
    return absl::OkStatus();
  }

  void EndRow() override {
    builder_.EndRow();
    ++rows_;
    row_bytes_ = 0;
  }

 private:
  struct Seen {
    bool is_array = false;
    uint64_t rows = 0;  // number of the last row with the column, from 1
  };

  void Add(uint32_t column) {
    seen_.resize(column + 1);
    const Column* known = builder_.SchemaColumn(column);
    seen_[column].is_array = known != nullptr && known->type == ColumnType::kArray;
  }

  static Value ValueFor(bool is_array, const JsonCell& cell) {
    const bool text = cell.kind == JsonCell::Kind::kNested ||
                      (cell.kind == JsonCell::Kind::kScalars && !is_array);
    return text ? Value::Text(cell.raw) : cell.value;
  }

  static uint64_t BytesOf(const JsonCell& cell) {
    if (!cell.raw.empty()) return cell.raw.size();
    return cell.kind == JsonCell::Kind::kText ? cell.value.text.size() : sizeof(uint64_t);
  }

  const RequestLimits& limits_;
  RowBlockBuilder& builder_;
  std::vector<Seen> seen_;  // by the builder's index
  uint64_t rows_ = 0;
  uint64_t row_bytes_ = 0;  // of the current row's values
};

bool IsRfc3339(std::string_view text) {
  constexpr size_t kShortest = sizeof("2024-02-29T23:59:59Z") - 1;
  if (text.size() < kShortest || (text[10] != 'T' && text[10] != ' ')) return false;
  const bool zone =
      text.back() == 'Z' || (text[text.size() - 3] == ':' &&
                             (text[text.size() - 6] == '+' || text[text.size() - 6] == '-'));
  return zone && ParseTimestamp(text).has_value();
}

// What the values of one column have been so far.
struct Inferred {
  std::string name;
  uint64_t rows = 0;  // number of the last row with the column, from 1
  bool bools = false;
  bool integers = false;
  bool negatives = false;
  bool big_naturals = false;
  bool numbers = false;
  bool texts = false;
  bool only_timestamps = true;
  bool nested = false;

  void Add(const JsonCell& cell);
  ColumnType Type() const;
};

void Inferred::Add(const JsonCell& cell) {
  switch (cell.kind) {
    case JsonCell::Kind::kNull:
      break;
    case JsonCell::Kind::kBool:
      bools = true;
      break;
    case JsonCell::Kind::kInteger:
      integers = true;
      big_naturals |= cell.value.kind == Value::Kind::kUint;
      negatives |= cell.value.kind == Value::Kind::kInt && cell.value.integer < 0;
      break;
    case JsonCell::Kind::kNumber:
      numbers = true;
      break;
    case JsonCell::Kind::kText:
      texts = true;
      only_timestamps = only_timestamps && IsRfc3339(cell.value.text);
      break;
    case JsonCell::Kind::kScalars:
    case JsonCell::Kind::kNested:
      nested = true;
      break;
  }
}

ColumnType Inferred::Type() const {
  const bool numeric = integers || numbers;
  if (texts) {
    const bool alone = !nested && !bools && !numeric;
    return alone && only_timestamps ? ColumnType::kTimestampTz : ColumnType::kText;
  }
  if (nested) return ColumnType::kJson;
  if (numeric && bools) return ColumnType::kText;
  if (numbers) return ColumnType::kFloat64;
  if (integers) return big_naturals && !negatives ? ColumnType::kUint64 : ColumnType::kInt64;
  return bools ? ColumnType::kBool : ColumnType::kText;
}

class InferringSink : public JsonRowSink {
 public:
  explicit InferringSink(uint32_t columns_max) : columns_max_(columns_max) {}

  absl::Status Cell(std::string_view key, const JsonCell& cell) override {
    const auto [found, is_new] = index_.try_emplace(AsAbsl(key), columns_.size());
    if (is_new && columns_.size() == columns_max_) {
      return LimitPassed(absl::StrCat("more columns than limits.columns_max (", columns_max_, ")"));
    }
    if (is_new) columns_.emplace_back().name = key;
    Inferred& column = columns_[found->second];
    if (std::exchange(column.rows, rows_ + 1) == rows_ + 1) return KeyTwice(key);
    column.Add(cell);
    return absl::OkStatus();
  }

  void EndRow() override { ++rows_; }

  std::vector<NewColumn> Columns() const {
    std::vector<NewColumn> columns;
    for (const Inferred& column : columns_) columns.push_back({column.name, column.Type()});
    return columns;
  }

 private:
  const uint32_t columns_max_;
  std::vector<Inferred> columns_;
  absl::flat_hash_map<std::string, size_t> index_;
  uint64_t rows_ = 0;
};

}  // namespace

JsonBody::JsonBody(JsonForm form, std::string bytes)
    : form_(form), size_(bytes.size()), padded_(std::move(bytes)) {
  padded_.append(simdjson::SIMDJSON_PADDING, ' ');
}

absl::Status JsonRowSource::Decode(RowBlockBuilder& builder) const {
  BuildingSink sink(limits_, builder);
  return JsonReader(limits_).Read(body_, sink);
}

absl::StatusOr<std::vector<NewColumn>> JsonRowSource::InferColumns() const {
  InferringSink sink(limits_.columns_max);
  if (absl::Status status = JsonReader(limits_).Read(body_, sink); !status.ok()) return status;
  return sink.Columns();
}

}  // namespace batchsql
