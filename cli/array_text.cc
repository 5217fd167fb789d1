#include "cli/array_text.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cli/column_builder.h"
#include "cli/json_row.h"

namespace batchsql::cli {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view Strip(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

bool IsNull(std::string_view element) {
  return element.size() == 4 && (element == "NULL" || element == "null");
}

// The elements of PostgreSQL's form, one after the other.
class BraceReader {
 public:
  explicit BraceReader(std::string_view inside) : rest_(inside) {}

  bool at_end() const { return rest_.empty(); }

  // Takes an element and the comma behind it. False when malformed, an inner array included.
  bool Take(v1::Value* value) {
    SkipSpaces();
    if (rest_.starts_with('"') ? !TakeQuoted(value) : !TakePlain(value)) return false;
    SkipSpaces();
    if (rest_.empty()) return true;
    if (rest_.front() != ',') return false;
    rest_.remove_prefix(1);
    return !Strip(rest_).empty();  // no comma at the end
  }

 private:
  void SkipSpaces() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpaces), rest_.size()));
  }

  bool TakeQuoted(v1::Value* value) {
    std::string text;
    for (size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        rest_.remove_prefix(at + 1);
        value->set_text_value(std::move(text));
        return true;
      }
      if (rest_[at] == '\\' && ++at == rest_.size()) return false;
      text.push_back(rest_[at]);
    }
    return false;
  }

  bool TakePlain(v1::Value* value) {
    const std::string_view whole = rest_.substr(0, rest_.find(','));
    const std::string_view element = Strip(whole);
    if (element.empty() || element.find_first_of("{}\"\\") != std::string_view::npos) return false;
    rest_.remove_prefix(whole.size());
    if (IsNull(element)) {
      value->set_null_value(true);
    } else {
      value->set_text_value(element.data(), element.size());
    }
    return true;
  }

  std::string_view rest_;
};

bool ParseBraces(std::string_view inside, v1::ListValue* list) {
  if (Strip(inside).empty()) return true;
  BraceReader reader(inside);
  while (!reader.at_end()) {
    if (!reader.Take(list->add_values())) return false;
  }
  return true;
}

// Through the reader of rows, as an object of one member: its numbers are exact.
bool ParseJson(std::string_view text, v1::ListValue* list) {
  static thread_local JsonRowParser parser;
  std::string row = "{\"a\":";
  row.append(text).push_back('}');
  const size_t size = row.size();
  row.resize(size + simdjson::SIMDJSON_PADDING);
  bool is_list = false;
  const auto on_cell = [&](const JsonCell& cell) {
    is_list = cell.value.kind == Value::Kind::kList;
    for (const Value& element : cell.value.elements) SetValue(element, list->add_values());
    return absl::OkStatus();
  };
  return parser.Parse({row.data(), size}, row.size(), on_cell).ok() && is_list;
}

}  // namespace

bool ParseArrayText(std::string_view text, v1::ListValue* list) {
  text = Strip(text);
  if (text.starts_with('[')) return ParseJson(text, list);
  if (text.size() < 2 || !text.starts_with('{') || !text.ends_with('}')) return false;
  return ParseBraces(text.substr(1, text.size() - 2), list);
}

}  // namespace batchsql::cli
