#include "cli/json_row.h"

#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/cell_kind.h"
#include "core/json_text.h"

namespace batchsql::cli {
namespace {

using simdjson::ondemand::json_type;

constexpr uint32_t kDepthMax = 256;

absl::Status Malformed(simdjson::error_code error) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed JSON: ", simdjson::error_message(error)));
}

// The parser's tokens reach to the next one: white space included.
std::string_view Trim(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

// "-0" has a sign that no integer keeps.
bool IsInteger(std::string_view token) {
  return token != "-0" && token.find_first_of(".eE") == std::string_view::npos;
}

Value NumberOf(std::string_view token) {
  if (IsInteger(token)) {
    if (const auto integer = ParseInt(token)) return Value::Int(*integer);
    if (const auto natural = ParseUint(token)) return Value::Uint(*natural);
    return Value::Text(token);
  }
  const std::optional<double> real = ParseDouble(token);
  return real.has_value() && RoundTrips(token, *real) ? Value::Double(*real) : Value::Text(token);
}

}  // namespace

absl::Status JsonRowParser::Parse(std::string_view line, size_t capacity, OnCell on_cell) {
  if (auto error = parser_.iterate(line.data(), line.size(), capacity).get(document_)) {
    return Malformed(error);
  }
  json_type type{};
  if (auto error = document_.type().get(type)) return Malformed(error);
  if (type != json_type::object) return absl::InvalidArgumentError("a line must be a JSON object");
  simdjson::ondemand::object row;
  if (auto error = document_.get_object().get(row)) return Malformed(error);
  for (auto field : row) {
    JsonCell cell;
    if (auto error = field.unescaped_key().get(cell.key)) return Malformed(error);
    Element element;
    if (auto error = field.value().get(element)) return Malformed(error);
    if (absl::Status status = ReadCell(element, &cell); !status.ok()) return status;
    if (absl::Status status = on_cell(cell); !status.ok()) return status;
  }
  const char* rest = nullptr;
  if (document_.current_location().get(rest) == simdjson::OUT_OF_BOUNDS) return absl::OkStatus();
  return absl::InvalidArgumentError("more text after the row's object");
}

absl::Status JsonRowParser::ReadCell(Element element, JsonCell* cell) {
  json_type type{};
  if (auto error = element.type().get(type)) return Malformed(error);
  if (type == json_type::array) return ReadArray(element, cell);
  if (type != json_type::object) return ReadScalar(element, type, cell);
  simdjson::ondemand::object object;
  if (auto error = element.get_object().get(object)) return Malformed(error);
  if (auto error = object.raw_json().get(cell->raw)) return Malformed(error);
  cell->raw = Trim(cell->raw);
  cell->value = Value::Text(cell->raw);
  // simdjson only counted the brackets.
  return IsValidJson(cell->raw, kDepthMax) ? absl::OkStatus() : Malformed(simdjson::TAPE_ERROR);
}

absl::Status JsonRowParser::ReadArray(Element element, JsonCell* cell) {
  simdjson::ondemand::array array;
  if (auto error = element.get_array().get(array)) return Malformed(error);
  if (auto error = array.raw_json().get(cell->raw)) return Malformed(error);
  if (auto error = array.reset().error()) return Malformed(error);
  cell->raw = Trim(cell->raw);
  if (!IsValidJson(cell->raw, kDepthMax)) return Malformed(simdjson::TAPE_ERROR);
  elements_.clear();
  for (auto item : array) {
    Element value;
    if (auto error = item.get(value)) return Malformed(error);
    json_type type{};
    if (auto error = value.type().get(type)) return Malformed(error);
    if (type == json_type::array || type == json_type::object) {
      cell->value = Value::Text(cell->raw);
      return absl::OkStatus();
    }
    JsonCell scalar;
    if (absl::Status status = ReadScalar(value, type, &scalar); !status.ok()) return status;
    elements_.push_back(scalar.value);
  }
  cell->value = Value::List(elements_);
  return absl::OkStatus();
}

absl::Status JsonRowParser::ReadScalar(Element element, json_type type, JsonCell* cell) {
  cell->raw = Trim(element.raw_json_token());
  switch (type) {
    case json_type::string: {
      std::string_view text;
      if (auto error = element.get_string().get(text)) return Malformed(error);
      cell->value = Value::Text(text);
      cell->is_text = true;
      return absl::OkStatus();
    }
    case json_type::boolean: {
      bool truth = false;
      if (auto error = element.get_bool().get(truth)) return Malformed(error);
      cell->value = Value::Bool(truth);
      return absl::OkStatus();
    }
    case json_type::null: {
      bool null = false;
      if (auto error = element.is_null().get(null)) return Malformed(error);
      if (!null) return Malformed(simdjson::N_ATOM_ERROR);
      cell->value = Value::Null();
      return absl::OkStatus();
    }
    default:
      // The form of a number is checked here: simdjson looks only at its first character.
      if (!IsValidJson(cell->raw, kDepthMax)) return Malformed(simdjson::NUMBER_ERROR);
      cell->value = NumberOf(cell->raw);
      return absl::OkStatus();
  }
}

}  // namespace batchsql::cli
