#include "server/decode/proto_value.h"

#include <protozero/pbf_message.hpp>

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

std::string_view View(const protozero::data_view& view) { return {view.data(), view.size()}; }

Value DecodeList(std::string_view message, std::vector<Value>* elements) {
  if (elements == nullptr) throw NestedListError();
  DecodeProtoList(message, elements);
  return Value::List(*elements);
}

}  // namespace

Value DecodeProtoValue(std::string_view message, std::vector<Value>* elements) {
  Value value;
  protozero::pbf_message<ValueField> reader(message.data(), message.size());
  while (reader.next()) {
    switch (reader.tag()) {
      case ValueField::kNull:
        reader.skip();
        value = Value::Null();
        break;
      case ValueField::kBool:
        value = Value::Bool(reader.get_bool());
        break;
      case ValueField::kInt:
        value = Value::Int(reader.get_sint64());
        break;
      case ValueField::kUint:
        value = Value::Uint(reader.get_uint64());
        break;
      case ValueField::kDouble:
        value = Value::Double(reader.get_double());
        break;
      case ValueField::kText:
        value = Value::Text(View(reader.get_view()));
        break;
      case ValueField::kBytes:
        value = Value::Bytes(View(reader.get_view()));
        break;
      case ValueField::kTimestampUs:
        value = Value::Timestamp(reader.get_sint64());
        break;
      case ValueField::kDateDays:
        value = Value::Date(reader.get_sint32());
        break;
      case ValueField::kTimeUs:
        value = Value::Time(reader.get_sint64());
        break;
      case ValueField::kList:
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
  while (reader.next()) {
    if (reader.tag() == ListField::kValues) {
      elements->push_back(DecodeProtoValue(View(reader.get_view()), nullptr));
    } else {
      reader.skip();
    }
  }
}

}  // namespace batchsql
