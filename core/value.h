#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace batchsql {

// One cell as a client sent it, before it is checked against a column. A view: text, bytes and
// elements belong to the decoder. Lives on the stack; rows are never held as Values.
struct Value {
  enum class Kind : uint8_t {
    kAbsent,
    kNull,
    kBool,
    kInt,
    kUint,
    kDouble,
    kText,    // parsed by the column's type
    kNumber,  // a decimal number in text, as JSON and CSV write it; never quoted
    kBytes,
    kTimestamp,  // microseconds since 1970-01-01T00:00:00Z
    kDate,       // days since 1970-01-01
    kTime,       // microseconds since midnight
    kList,
  };

  Kind kind = Kind::kAbsent;
  union {
    bool boolean;
    int64_t integer;  // kInt, kTimestamp, kDate, kTime
    uint64_t natural;
    double real;
  };
  std::string_view text;             // kText, kNumber, kBytes
  absl::Span<const Value> elements;  // kList

  Value() : integer(0) {}
  static Value Null() { return Value(Kind::kNull); }
  static Value Bool(bool value) {
    Value v(Kind::kBool);
    v.boolean = value;
    return v;
  }
  static Value Int(int64_t value) { return Integer(Kind::kInt, value); }
  static Value Uint(uint64_t value) {
    Value v(Kind::kUint);
    v.natural = value;
    return v;
  }
  static Value Double(double value) {
    Value v(Kind::kDouble);
    v.real = value;
    return v;
  }
  static Value Text(std::string_view value) { return Chars(Kind::kText, value); }
  static Value Number(std::string_view value) { return Chars(Kind::kNumber, value); }
  static Value Bytes(std::string_view value) { return Chars(Kind::kBytes, value); }
  static Value Timestamp(int64_t value) { return Integer(Kind::kTimestamp, value); }
  static Value Date(int64_t value) { return Integer(Kind::kDate, value); }
  static Value Time(int64_t value) { return Integer(Kind::kTime, value); }
  static Value List(absl::Span<const Value> value) {
    Value v(Kind::kList);
    v.elements = value;
    return v;
  }

 private:
  explicit Value(Kind k) : kind(k), integer(0) {}
  static Value Integer(Kind kind, int64_t value) {
    Value v(kind);
    v.integer = value;
    return v;
  }
  static Value Chars(Kind kind, std::string_view value) {
    Value v(kind);
    v.text = value;
    return v;
  }
};

std::string_view ValueKindName(Value::Kind kind);

}  // namespace batchsql
