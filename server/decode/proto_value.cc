#include "server/decode/proto_value.h"

#include <cstring>
#include <protozero/pbf_message.hpp>
#include <protozero/varint.hpp>

namespace batchsql {
namespace {

// Field numbers of batchsql.v1.Value.
enum class ValueField : protozero::pbf_tag_type {
  kNull = 1,
  kBool = 2,
  kInt = 3,
  kUint = 4,
  kDouble = 5,
  kText = 6,
  kBytes = 7,
  kTimestampUs = 8,
  kDateDays = 9,
  kTimeUs = 10,
  kList = 11,
};

enum class ListField : protozero::pbf_tag_type { kValues = 1 };

struct NestedListError : protozero::exception {
  const char* what() const noexcept override { return "a list inside a list"; }
};

using Wire = protozero::pbf_wire_type;

// A field with its wire type: a known field of another type is one that we do not know.
constexpr uint32_t Tag(ValueField field, Wire wire) { return protozero::tag_and_type(field, wire); }

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

// The value of a message that is one field of a common type and nothing else, as clients send it;
// absent: it is to be read field by field.
Value DecodeOnlyField(std::string_view message) {
  if (message.size() < 2) return {};
  const char* at = message.data();
  const char* const end = at + message.size();
  const auto tag = static_cast<uint8_t>(*at++);
  switch (tag) {
    case Tag(ValueField::kInt, Wire::varint):
    case Tag(ValueField::kTimestampUs, Wire::varint): {
      const int64_t value = protozero::decode_zigzag64(protozero::decode_varint(&at, end));
      if (at != end) return {};
      return tag == Tag(ValueField::kInt, Wire::varint) ? Value::Int(value)
                                                        : Value::Timestamp(value);
    }
    case Tag(ValueField::kDouble, Wire::fixed64): {
      double value;
      if (end - at != sizeof(value)) return {};
      std::memcpy(&value, at, sizeof(value));
      return Value::Double(value);
    }
    case Tag(ValueField::kText, Wire::length_delimited): {
      const uint64_t length = protozero::decode_varint(&at, end);
      if (length != static_cast<uint64_t>(end - at)) return {};
      return Value::Text({at, length});
    }
    default:
      return {};
  }
}

Value DecodeList(std::string_view message, std::vector<Value>* elements) {
  if (elements == nullptr) throw NestedListError();
  DecodeProtoList(message, elements);
  return Value::List(*elements);
}

}  // namespace

Value DecodeProtoValue(std::string_view message, std::vector<Value>* elements) {
  Value value = DecodeOnlyField(message);
  if (value.kind != Value::Kind::kAbsent) return value;
  protozero::pbf_message<ValueField> reader(message.data(), message.size());
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Tag(ValueField::kNull, Wire::varint):
        reader.skip();
        value = Value::Null();
        break;
      case Tag(ValueField::kBool, Wire::varint):
        value = Value::Bool(reader.get_bool());
        break;
      case Tag(ValueField::kInt, Wire::varint):
        value = Value::Int(reader.get_sint64());
        break;
      case Tag(ValueField::kUint, Wire::varint):
        value = Value::Uint(reader.get_uint64());
        break;
      case Tag(ValueField::kDouble, Wire::fixed64):
        value = Value::Double(reader.get_double());
        break;
      case Tag(ValueField::kText, Wire::length_delimited):
        value = Value::Text(View(reader.get_view()));
        break;
      case Tag(ValueField::kBytes, Wire::length_delimited):
        value = Value::Bytes(View(reader.get_view()));
        break;
      case Tag(ValueField::kTimestampUs, Wire::varint):
        value = Value::Timestamp(reader.get_sint64());
        break;
      case Tag(ValueField::kDateDays, Wire::varint):
        value = Value::Date(reader.get_sint32());
        break;
      case Tag(ValueField::kTimeUs, Wire::varint):
        value = Value::Time(reader.get_sint64());
        break;
      case Tag(ValueField::kList, Wire::length_delimited):
        value = DecodeList(View(reader.get_view()), elements);
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

void DecodeProtoList(std::string_view message, std::vector<Value>* elements) {
  elements->clear();
  protozero::pbf_message<ListField> reader(message.data(), message.size());
  while (reader.next(ListField::kValues, Wire::length_delimited)) {
    elements->push_back(DecodeProtoValue(View(reader.get_view()), nullptr));
  }
}

}  // namespace batchsql
