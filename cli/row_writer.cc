#include "cli/row_writer.h"

#include <charconv>
#include <utility>

#include "core/json_text.h"

namespace batchsql::cli {
namespace {

template <typename T>
void AppendInteger(T value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append(digits, static_cast<size_t>(end - digits));
}

// RFC 4180, with an empty field for NULL and quotes around the empty string.
class CsvWriter : public RowWriter {
 public:
  explicit CsvWriter(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  void Header() override {
    for (const std::string& column : columns_) Text(column);
    EndRow();
  }
  void EndRow() override {
    buffer_.push_back('\n');
    first_ = true;
  }
  void Null() override { Separate(); }
  void Int(int64_t value) override {
    Separate();
    AppendInteger(value, &buffer_);
  }
  void Uint(uint64_t value) override {
    Separate();
    AppendInteger(value, &buffer_);
  }
  void Literal(std::string_view literal) override { Plain(literal); }
  void Plain(std::string_view text) override {
    Separate();
    buffer_.append(text);
  }
  void Text(std::string_view text) override {
    Separate();
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
      buffer_.append(text);
      return;
    }
    buffer_.push_back('"');
    for (char c : text) {
      if (c == '"') buffer_.push_back('"');
      buffer_.push_back(c);
    }
    buffer_.push_back('"');
  }
  void Json(std::string_view json) override { Text(json); }

 private:
  void Separate() {
    if (!std::exchange(first_, false)) buffer_.push_back(',');
  }

  const std::vector<std::string> columns_;
  bool first_ = true;
};

class NdjsonWriter : public RowWriter {
 public:
  explicit NdjsonWriter(const std::vector<std::string>& columns) {
    for (size_t i = 0; i < columns.size(); ++i) {
      std::string key = i == 0 ? "{" : ",";
      AppendJsonString(columns[i], &key);
      keys_.push_back(key + ':');
    }
  }

  void Header() override {}
  void EndRow() override {
    buffer_.append("}\n");
    column_ = 0;
  }
  void Null() override { Plainly("null"); }
  void Int(int64_t value) override {
    Key();
    AppendInteger(value, &buffer_);
  }
  void Uint(uint64_t value) override {
    Key();
    AppendInteger(value, &buffer_);
  }
  void Literal(std::string_view literal) override { Plainly(literal); }
  void Plain(std::string_view text) override {
    Key();
    buffer_.push_back('"');
    buffer_.append(text);
    buffer_.push_back('"');
  }
  void Text(std::string_view text) override {
    Key();
    AppendJsonString(text, &buffer_);
  }
  void Json(std::string_view json) override { Plainly(json); }

 private:
  void Key() { buffer_.append(keys_[column_++]); }
  void Plainly(std::string_view text) {
    Key();
    buffer_.append(text);
  }

  std::vector<std::string> keys_;  // with what stands around them
  size_t column_ = 0;
};

}  // namespace

std::unique_ptr<RowWriter> RowWriter::Create(FileFormat format, std::vector<std::string> columns) {
  if (format == FileFormat::kCsv) return std::make_unique<CsvWriter>(std::move(columns));
  return std::make_unique<NdjsonWriter>(columns);
}

}  // namespace batchsql::cli
