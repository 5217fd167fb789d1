#include "server/decode/json_rows.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/strings.h"
#include "server/decode/column_inference.h"
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

class InferringSink : public JsonRowSink {
 public:
  explicit InferringSink(uint32_t columns_max) : inference_(columns_max) {}

  absl::Status Cell(std::string_view key, const JsonCell& cell) override {
    const absl::StatusOr<size_t> column = inference_.Add(key);
    if (!column.ok()) return column.status();
    if (*column >= rows_of_columns_.size()) rows_of_columns_.resize(*column + 1);
    if (std::exchange(rows_of_columns_[*column], rows_ + 1) == rows_ + 1) return KeyTwice(key);
    if (cell.kind == JsonCell::Kind::kText) {
      inference_.ObserveString(*column, cell.value.text);
    } else if (cell.kind == JsonCell::Kind::kNested) {
      inference_.ObserveJson(*column);
    } else {
      inference_.Observe(*column, cell.value);
    }
    return absl::OkStatus();
  }

  void EndRow() override { ++rows_; }

  std::vector<NewColumn> Columns() const { return inference_.Finish(); }

 private:
  ColumnInference inference_;
  std::vector<uint64_t> rows_of_columns_;  // number of the last row with the column, from 1
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
