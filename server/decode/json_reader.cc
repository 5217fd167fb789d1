#include "server/decode/json_reader.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/limit_error.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

using simdjson::ondemand::json_type;

// A token of the parser reaches to the next one: white space included.
std::string_view Trim(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

// RFC 8259's number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
bool IsNumber(std::string_view text, bool* integer) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = at;
  at = SkipDigits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  *integer = at == text.size();
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = ++at;
    at = SkipDigits(text, at);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = at;
    at = SkipDigits(text, at);
    if (at == exponent) return false;
  }
  return at == text.size();
}

template <typename T>
bool Fits(std::string_view text, T* value) {
  return std::from_chars(text.data(), text.data() + text.size(), *value).ec == std::errc();
}

// First byte that does not belong to a valid character. Only for error messages.
size_t FirstBadByte(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<uint8_t>(text[at]);
    const size_t length = lead < 0x80U ? 1 : lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
    if (!InspectUtf8(text.substr(at, length)).valid) return at;
    at += length;
  }
  return text.size();
}

}  // namespace

absl::Status JsonReader::Read(const JsonBody& body, JsonRowSink& sink) {
  body_ = body.bytes();
  padded_end_ = body_.data() + body.padded_size();
  row_ = 0;
  absl::Status status =
      body.form() == JsonForm::kDocument ? ReadDocument(body_, sink) : ReadLines(body_, sink);
  if (!status.ok()) return status;
  return row_ > 0 ? status : absl::InvalidArgumentError("the body holds no rows");
}

absl::Status JsonReader::ReadDocument(std::string_view text, JsonRowSink& sink) {
  if (Trim(text).empty()) return absl::InvalidArgumentError("the body is empty");
  if (absl::Status status = Open(text); !status.ok()) return status;
  json_type type{};
  if (auto error = document_.type().get(type)) return Malformed(error);
  if (type == json_type::array) {
    Array rows;
    if (auto error = document_.get_array().get(rows)) return Malformed(error);
    if (absl::Status status = ReadRows(rows, sink); !status.ok()) return status;
  } else if (type == json_type::object) {
    Object row;
    if (auto error = document_.get_object().get(row)) return Malformed(error);
    if (absl::Status status = ReadRow(row, 1, sink); !status.ok()) return status;
  } else {
    return absl::InvalidArgumentError("the body is neither an array of objects nor one object");
  }
  return CheckEnd();
}

absl::Status JsonReader::ReadRows(Array rows, JsonRowSink& sink) {
  for (auto element : rows) {
    if (auto error = element.error()) return Malformed(error);
    Element value = element.value_unsafe();
    json_type type{};
    if (auto error = value.type().get(type)) return Malformed(error);
    if (type != json_type::object) {
      return At(absl::InvalidArgumentError("a row must be an object"));
    }
    Object row;
    if (auto error = value.get_object().get(row)) return Malformed(error);
    if (absl::Status status = ReadRow(row, 2, sink); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonReader::ReadLines(std::string_view text, JsonRowSink& sink) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (absl::Status status = ReadLine(line, sink); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonReader::ReadLine(std::string_view line, JsonRowSink& sink) {
  if (absl::Status status = Open(line); !status.ok()) return status;
  json_type type{};
  if (auto error = document_.type().get(type)) return Malformed(error);
  if (type != json_type::object) {
    return At(absl::InvalidArgumentError("a line must be an object"));
  }
  Object row;
  if (auto error = document_.get_object().get(row)) return Malformed(error);
  if (absl::Status status = ReadRow(row, 1, sink); !status.ok()) return status;
  return CheckEnd();
}

absl::Status JsonReader::ReadRow(Object row, uint32_t depth, JsonRowSink& sink) {
  if (row_ == limits_.request_rows_max) {
    return LimitPassed(
        absl::StrCat("more rows than limits.request_rows_max (", limits_.request_rows_max, ")"));
  }
  if (absl::Status status = CheckDepth(depth); !status.ok()) return status;
  JsonCell cell;
  for (auto field : row) {
    std::string_view key;
    if (auto error = field.unescaped_key().get(key)) return Malformed(error);
    Element element;
    if (auto error = field.value().get(element)) return Malformed(error);
    if (absl::Status status = ReadCell(element, depth + 1, &cell); !status.ok()) return status;
    if (absl::Status status = sink.Cell(key, cell); !status.ok()) return At(status);
  }
  sink.EndRow();
  ++row_;
  return absl::OkStatus();
}

// `depth` is that of the brackets that the element may open.
absl::Status JsonReader::ReadCell(Element element, uint32_t depth, JsonCell* cell) {
  json_type type{};
  if (auto error = element.type().get(type)) return Malformed(error);
  switch (type) {
    case json_type::array:
      return ReadArray(element, depth, cell);
    case json_type::object:
      return ReadObject(element, depth, cell);
    default:
      return ReadScalar(element, type, cell);
  }
}

absl::Status JsonReader::ReadArray(Element element, uint32_t depth, JsonCell* cell) {
  if (absl::Status status = CheckDepth(depth); !status.ok()) return status;
  Array array;
  std::string_view raw;
  if (auto error = element.get_array().get(array)) return Malformed(error);
  if (auto error = array.raw_json().get(raw)) return Malformed(error);
  if (auto error = array.reset().error()) return Malformed(error);
  cell->kind = JsonCell::Kind::kScalars;
  elements_.clear();
  JsonCell scalar;
  for (auto item : array) {
    if (auto error = item.error()) return Malformed(error);
    Element value = item.value_unsafe();
    json_type type{};
    if (auto error = value.type().get(type)) return Malformed(error);
    if (type == json_type::array || type == json_type::object) {
      cell->kind = JsonCell::Kind::kNested;
      if (absl::Status status = Check(value, depth + 1); !status.ok()) return status;
      continue;
    }
    if (absl::Status status = ReadScalar(value, type, &scalar); !status.ok()) return status;
    elements_.push_back(scalar.value);
  }
  cell->value = Value::List(elements_);
  cell->raw = Trim(raw);
  return absl::OkStatus();
}

absl::Status JsonReader::ReadObject(Element element, uint32_t depth, JsonCell* cell) {
  if (absl::Status status = CheckDepth(depth); !status.ok()) return status;
  Object object;
  std::string_view raw;
  if (auto error = element.get_object().get(object)) return Malformed(error);
  if (auto error = object.raw_json().get(raw)) return Malformed(error);
  if (auto error = object.reset().error()) return Malformed(error);
  cell->kind = JsonCell::Kind::kNested;
  cell->raw = Trim(raw);
  return CheckKeys(object, depth);
}

absl::Status JsonReader::ReadScalar(Element element, json_type type, JsonCell* cell) {
  switch (type) {
    case json_type::string: {
      std::string_view text;
      if (auto error = element.get_string().get(text)) return Malformed(error);
      cell->kind = JsonCell::Kind::kText;
      cell->value = Value::Text(text);
      return absl::OkStatus();
    }
    case json_type::boolean: {
      bool truth = false;
      if (auto error = element.get_bool().get(truth)) return Malformed(error);
      cell->kind = JsonCell::Kind::kBool;
      cell->value = Value::Bool(truth);
      return absl::OkStatus();
    }
    case json_type::null: {
      bool null = false;
      if (auto error = element.is_null().get(null)) return Malformed(error);
      if (!null) return Malformed(simdjson::N_ATOM_ERROR);
      cell->kind = JsonCell::Kind::kNull;
      cell->value = Value::Null();
      return absl::OkStatus();
    }
    default:
      return ReadNumber(element, cell);
  }
}

absl::Status JsonReader::ReadNumber(Element element, JsonCell* cell) {
  const std::string_view token = Trim(element.raw_json_token());
  bool integer = false;
  if (!IsNumber(token, &integer)) return Malformed(simdjson::NUMBER_ERROR);
  int64_t whole = 0;
  uint64_t natural = 0;
  // "-0" is a number with a sign to keep, which no integer does.
  if (integer && token != "-0" && Fits(token, &whole)) {
    cell->kind = JsonCell::Kind::kInteger;
    cell->value = Value::Int(whole);
  } else if (integer && token != "-0" && Fits(token, &natural)) {
    cell->kind = JsonCell::Kind::kInteger;
    cell->value = Value::Uint(natural);
  } else {
    cell->kind = JsonCell::Kind::kNumber;
    cell->value = Value::Number(token);
  }
  return absl::OkStatus();
}

// Checks what is passed on as text, to the last bracket.
absl::Status JsonReader::Check(Element element, uint32_t depth) {
  json_type type{};
  if (auto error = element.type().get(type)) return Malformed(error);
  if (type != json_type::array && type != json_type::object) {
    JsonCell scalar;
    return ReadScalar(element, type, &scalar);
  }
  if (absl::Status status = CheckDepth(depth); !status.ok()) return status;
  if (type == json_type::object) {
    Object object;
    if (auto error = element.get_object().get(object)) return Malformed(error);
    return CheckKeys(object, depth);
  }
  Array array;
  if (auto error = element.get_array().get(array)) return Malformed(error);
  for (auto item : array) {
    if (auto error = item.error()) return Malformed(error);
    Element value = item.value_unsafe();
    if (absl::Status status = Check(value, depth + 1); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonReader::CheckKeys(Object object, uint32_t depth) {
  absl::flat_hash_set<absl::string_view> keys;
  for (auto field : object) {
    std::string_view key;
    if (auto error = field.unescaped_key().get(key)) return Malformed(error);
    if (!keys.insert(AsAbsl(key)).second) {
      return At(absl::InvalidArgumentError("an object has the same key twice"));
    }
    Element element;
    if (auto error = field.value().get(element)) return Malformed(error);
    if (absl::Status status = Check(element, depth + 1); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonReader::CheckDepth(uint32_t depth) const {
  if (depth <= limits_.json_depth_max) return absl::OkStatus();
  return LimitPassed(absl::StrCat("row ", row_, ": nested deeper than limits.json_depth_max (",
                                  limits_.json_depth_max, ")"));
}

// `text` lies in the body, so that what follows it is readable and serves as padding.
absl::Status JsonReader::Open(std::string_view text) {
  const auto capacity = static_cast<size_t>(padded_end_ - text.data());
  if (auto error = parser_.iterate(text.data(), text.size(), capacity).get(document_)) {
    if (error == simdjson::UTF8_ERROR) {
      return absl::InvalidArgumentError(
          absl::StrCat("the body is not valid UTF-8, from byte ", FirstBadByte(body_)));
    }
    return At(absl::InvalidArgumentError(
        absl::StrCat("malformed JSON: ", simdjson::error_message(error))));
  }
  return absl::OkStatus();
}

absl::Status JsonReader::CheckEnd() {
  const char* location = nullptr;
  if (document_.current_location().get(location) == simdjson::OUT_OF_BOUNDS) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("malformed JSON at byte ", location - body_.data(),
                                                 ": more text after the last row's end"));
}

absl::Status JsonReader::At(const absl::Status& status) {
  const std::string message = absl::StrCat("row ", row_, ": ", status.message());
  return IsLimitPassed(status) ? LimitPassed(message) : absl::Status(status.code(), message);
}

// The parser's texts are constants: they hold nothing of the body.
absl::Status JsonReader::Malformed(simdjson::error_code error) {
  const char* location = nullptr;
  std::string where = absl::StrCat("row ", row_);
  if (document_.current_location().get(location) == simdjson::SUCCESS && location >= body_.data() &&
      location <= body_.data() + body_.size()) {
    absl::StrAppend(&where, ", near byte ", location - body_.data());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": malformed JSON: ", simdjson::error_message(error)));
}

}  // namespace batchsql
