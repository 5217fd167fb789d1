#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/loader.h"

namespace batchsql::cli {

// Writes rows as a file of one format into a buffer. Every row has the columns in their order.
class RowWriter {
 public:
  virtual ~RowWriter() = default;

  static std::unique_ptr<RowWriter> Create(FileFormat format, std::vector<std::string> columns);

  virtual void Header() = 0;
  virtual void EndRow() = 0;
  virtual void Null() = 0;
  virtual void Int(int64_t value) = 0;
  virtual void Uint(uint64_t value) = 0;
  // A JSON number, `true` or `false`.
  virtual void Literal(std::string_view literal) = 0;
  // Text that needs no quotes or escapes: a date, a time, hexadecimal.
  virtual void Plain(std::string_view text) = 0;
  virtual void Text(std::string_view text) = 0;
  // A JSON object or array.
  virtual void Json(std::string_view json) = 0;

  std::string& buffer() { return buffer_; }

 protected:
  std::string buffer_;
};

}  // namespace batchsql::cli
