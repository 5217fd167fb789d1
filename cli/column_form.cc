#include "cli/column_form.h"

#include <string_view>
#include <utility>

#include "cli/array_text.h"
#include "core/civil_time.h"

namespace batchsql::cli {
namespace {

constexpr char kValue = 2;

std::string_view CellAt(const v1::Blobs& blobs, int row) {
  const uint32_t begin = row == 0 ? 0 : blobs.ends(row - 1);
  return std::string_view(blobs.data()).substr(begin, blobs.ends(row) - begin);
}

bool HasValue(const v1::Column& column, int row) {
  return column.presence().empty() || column.presence()[static_cast<size_t>(row)] == kValue;
}

// Parses every cell into `values`; false at the first that does not parse.
template <typename Values, typename Parse>
bool ParseCells(const v1::Column& column, Parse parse, Values* values) {
  const v1::Blobs& texts = column.texts();
  values->Reserve(texts.ends_size());
  for (int row = 0; row < texts.ends_size(); ++row) {
    if (!HasValue(column, row)) {
      values->Add({});
      continue;
    }
    const auto value = parse(CellAt(texts, row));
    if (!value.has_value()) return false;
    values->Add(*value);
  }
  return true;
}

void ConvertLists(v1::Column* column) {
  v1::Lists lists;
  for (int row = 0; row < column->texts().ends_size(); ++row) {
    v1::ListValue* const list = lists.add_values();
    if (HasValue(*column, row) && !ParseArrayText(CellAt(column->texts(), row), list)) return;
  }
  column->mutable_lists()->Swap(&lists);
}

void ConvertTexts(CellKind kind, v1::Column* column) {
  v1::Ints ints;
  switch (kind) {
    case CellKind::kText:
    case CellKind::kJson:
      return;
    case CellKind::kList:
      ConvertLists(column);
      return;
    case CellKind::kBool: {
      v1::Bools bools;
      if (ParseCells(*column, ParseBool, bools.mutable_values()))
        column->mutable_bools()->Swap(&bools);
      return;
    }
    case CellKind::kInt:
      if (ParseCells(*column, ParseInt, ints.mutable_values())) column->mutable_ints()->Swap(&ints);
      return;
    case CellKind::kUint: {
      v1::Uints uints;
      if (ParseCells(*column, ParseUint, uints.mutable_values()))
        column->mutable_uints()->Swap(&uints);
      return;
    }
    case CellKind::kFloat:
    case CellKind::kDouble: {
      v1::Doubles doubles;
      const auto parse = kind == CellKind::kFloat ? ParseFloat : ParseDouble;
      if (ParseCells(*column, parse, doubles.mutable_values())) {
        column->mutable_doubles()->Swap(&doubles);
      }
      return;
    }
    case CellKind::kDate:
      if (ParseCells(*column, ParseDate, ints.mutable_values())) {
        column->mutable_dates_days()->Swap(&ints);
      }
      return;
    case CellKind::kTime:
      if (ParseCells(*column, ParseTime, ints.mutable_values()))
        column->mutable_times_us()->Swap(&ints);
      return;
    case CellKind::kTimestamp:
      if (ParseCells(*column, ParseTimestamp, ints.mutable_values())) {
        column->mutable_timestamps_us()->Swap(&ints);
      }
      return;
  }
}

void ConvertInts(CellKind kind, v1::Column* column) {
  if (kind != CellKind::kDouble) return;
  v1::Doubles doubles;
  doubles.mutable_values()->Reserve(column->ints().values_size());
  for (int64_t integer : column->ints().values()) {
    const std::optional<double> real = ExactDouble(integer);
    if (!real.has_value()) return;
    doubles.add_values(*real);
  }
  column->mutable_doubles()->Swap(&doubles);
}

// What a column of a file may still be.
struct Candidates {
  bool boolean = true;
  bool integer = true;
  bool real = true;
  bool date = true;
  bool timestamp = true;
  bool any_value = false;

  bool OnlyText() const { return !boolean && !integer && !real && !date && !timestamp; }
};

bool IsPlainInteger(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0') || text == "-0") return false;
  return ParseInt(text).has_value();
}

bool IsPlainReal(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.size() > 1 && digits.front() == '0' && digits[1] >= '0' && digits[1] <= '9')
    return false;
  const std::optional<double> value = ParseDouble(text);
  return value.has_value() && RoundTrips(text, *value);
}

void Observe(std::string_view cell, bool from_json, Candidates* may) {
  may->any_value = true;
  if (from_json) may->boolean = may->integer = may->real = false;
  if (may->boolean) may->boolean = cell == "true" || cell == "false";
  if (may->integer) may->integer = IsPlainInteger(cell);
  if (may->real) may->real = IsPlainReal(cell);
  if (may->date) may->date = ParseDate(cell).has_value();
  if (may->timestamp) may->timestamp = ParseTimestamp(cell).has_value();
}

void ObserveTexts(const v1::Column& column, bool from_json, Candidates* may) {
  for (int row = 0; row < column.texts().ends_size() && !may->OnlyText(); ++row) {
    if (HasValue(column, row)) Observe(CellAt(column.texts(), row), from_json, may);
  }
}

void ObserveColumn(const v1::Column& column, bool from_json, Candidates* may) {
  const bool ints = column.data_case() == v1::Column::kInts;
  if (column.data_case() == v1::Column::kTexts) {
    ObserveTexts(column, from_json, may);
  } else if (ints || column.data_case() == v1::Column::kDoubles) {
    may->any_value = true;
    may->boolean = may->date = may->timestamp = false;
    may->integer = may->integer && ints;
  } else {
    *may = {false, false, false, false, false, true};
  }
}

CellKind KindOf(const Candidates& may) {
  if (!may.any_value) return CellKind::kText;
  if (may.boolean) return CellKind::kBool;
  if (may.integer) return CellKind::kInt;
  if (may.real) return CellKind::kDouble;
  if (may.date) return CellKind::kDate;
  return may.timestamp ? CellKind::kTimestamp : CellKind::kText;
}

}  // namespace

void ApplyPlan(const ColumnPlan& plan, v1::WriteStreamRequest* request) {
  if (!request->has_columns()) return;
  for (v1::Column& column : *request->mutable_columns()->mutable_columns()) {
    const auto planned = plan.find(column.name());
    if (planned == plan.end()) continue;
    if (column.data_case() == v1::Column::kTexts) ConvertTexts(planned->second, &column);
    if (column.data_case() == v1::Column::kInts) ConvertInts(planned->second, &column);
  }
}

ColumnPlan InferPlan(const std::vector<Chunk>& chunks, bool from_json) {
  absl::flat_hash_map<std::string, Candidates> columns;
  for (const Chunk& chunk : chunks) {
    for (const v1::Column& column : chunk.request.columns().columns()) {
      ObserveColumn(column, from_json, &columns[column.name()]);
    }
  }
  ColumnPlan plan;
  for (const auto& [name, may] : columns) plan[name] = KindOf(may);
  return plan;
}

}  // namespace batchsql::cli
