#include "cli/column_builder.h"

#include <optional>

#include "cli/cell_kind.h"

namespace batchsql::cli {
namespace {

constexpr char kAbsent = 0;
constexpr char kNull = 1;
constexpr char kValue = 2;

}  // namespace

void SetValue(const Value& value, v1::Value* cell) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return cell->set_null_value(true);
    case Value::Kind::kBool:
      return cell->set_bool_value(value.boolean);
    case Value::Kind::kInt:
      return cell->set_int_value(value.integer);
    case Value::Kind::kUint:
      return cell->set_uint_value(value.natural);
    case Value::Kind::kDouble:
      return cell->set_double_value(value.real);
    case Value::Kind::kText:
      return cell->set_text_value(value.text.data(), value.text.size());
    case Value::Kind::kList:
      cell->mutable_list_value();
      for (const Value& element : value.elements) {
        SetValue(element, cell->mutable_list_value()->add_values());
      }
      return;
    default:
      return;  // absent; no reader makes the other kinds
  }
}

ColumnBuilder::ColumnBuilder(std::string_view name, v1::Column* column) : column_(column) {
  column->set_name(name.data(), name.size());
}

ColumnBuilder::Data ColumnBuilder::DataOf(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kBool:
      return Data::kBools;
    case Value::Kind::kInt:
      return Data::kInts;
    case Value::Kind::kUint:
      return Data::kUints;
    case Value::Kind::kDouble:
      return Data::kDoubles;
    case Value::Kind::kText:
      return Data::kTexts;
    case Value::Kind::kList:
      return Data::kLists;
    default:
      return Data::kNone;
  }
}

bool ColumnBuilder::Append(const Value& value, uint32_t row) {
  Pad(row);
  if (value.kind == Value::Kind::kNull || value.kind == Value::Kind::kAbsent) {
    Mark(row, value.kind == Value::Kind::kNull ? kNull : kAbsent);
    return true;
  }
  Mark(row, kValue);
  if (!TakeKind(DataOf(value.kind))) return false;
  while (data_rows_ < row) AddDefault();
  ++data_rows_;
  return AddValue(value);
}

void ColumnBuilder::Finish(uint32_t rows) {
  Pad(rows);
  if (data_ == Data::kNone) {
    data_ = Data::kTexts;
    column_->mutable_texts();
  }
  while (data_rows_ < rows) AddDefault();
}

// Presence is written only from the first row on that has no value.
void ColumnBuilder::Mark(uint32_t row, char state) {
  std::string* const presence = column_->mutable_presence();
  if (presence->empty() && state != kValue) presence->assign(row, kValue);
  if (!presence->empty() || state != kValue) presence->push_back(state);
  rows_ = row + 1;
}

void ColumnBuilder::Pad(uint32_t rows) {
  while (rows_ < rows) Mark(rows_, kAbsent);
}

void ColumnBuilder::AddDefault() {
  ++data_rows_;
  switch (data_) {
    case Data::kNone:
      return;
    case Data::kBools:
      return column_->mutable_bools()->add_values(false);
    case Data::kInts:
      return column_->mutable_ints()->add_values(0);
    case Data::kUints:
      return column_->mutable_uints()->add_values(0);
    case Data::kDoubles:
      return column_->mutable_doubles()->add_values(0);
    case Data::kTexts:
      return column_->mutable_texts()->add_ends(
          static_cast<uint32_t>(column_->texts().data().size()));
    case Data::kLists:
      column_->mutable_lists()->add_values();
      return;
  }
}

// Agrees on the kind of the data: the first value decides.
bool ColumnBuilder::TakeKind(Data wanted) {
  if (data_ == Data::kNone) data_ = wanted;
  if (data_ == Data::kInts && wanted == Data::kDoubles) return WidenToDoubles();
  if (data_ == Data::kInts && wanted == Data::kUints) return WidenToUints();
  return data_ == wanted ||
         (wanted == Data::kInts && (data_ == Data::kDoubles || data_ == Data::kUints));
}

bool ColumnBuilder::WidenToDoubles() {
  v1::Doubles doubles;
  for (int64_t integer : column_->ints().values()) {
    const std::optional<double> real = ExactDouble(integer);
    if (!real.has_value()) return false;
    doubles.add_values(*real);
  }
  column_->mutable_doubles()->Swap(&doubles);
  data_ = Data::kDoubles;
  return true;
}

bool ColumnBuilder::WidenToUints() {
  v1::Uints uints;
  for (int64_t integer : column_->ints().values()) {
    if (integer < 0) return false;
    uints.add_values(static_cast<uint64_t>(integer));
  }
  column_->mutable_uints()->Swap(&uints);
  data_ = Data::kUints;
  return true;
}

bool ColumnBuilder::AddValue(const Value& value) {
  switch (data_) {
    case Data::kBools:
      column_->mutable_bools()->add_values(value.boolean);
      return true;
    case Data::kInts:
      column_->mutable_ints()->add_values(value.integer);
      return true;
    case Data::kUints:
      if (value.kind == Value::Kind::kUint) {
        column_->mutable_uints()->add_values(value.natural);
        return true;
      }
      column_->mutable_uints()->add_values(static_cast<uint64_t>(value.integer));
      return value.integer >= 0;
    case Data::kDoubles: {
      const std::optional<double> real =
          value.kind == Value::Kind::kInt ? ExactDouble(value.integer) : value.real;
      column_->mutable_doubles()->add_values(real.value_or(0));
      return real.has_value();
    }
    case Data::kTexts: {
      v1::Blobs* const texts = column_->mutable_texts();
      texts->mutable_data()->append(value.text);
      texts->add_ends(static_cast<uint32_t>(texts->data().size()));
      return true;
    }
    case Data::kLists: {
      v1::ListValue* const list = column_->mutable_lists()->add_values();
      for (const Value& element : value.elements) SetValue(element, list->add_values());
      return true;
    }
    case Data::kNone:
      return false;
  }
  return false;
}

}  // namespace batchsql::cli
