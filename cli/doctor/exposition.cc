#include "cli/doctor/exposition.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':';
}

// Reads one line from its begin to its end. A function that returns false has found something else.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void SkipBlanks() {
    while (Take(' ') || Take('\t')) continue;
  }
  bool TakeName(std::string* name) {
    while (!rest_.empty() && IsNameCharacter(rest_.front())) {
      name->push_back(rest_.front());
      rest_.remove_prefix(1);
    }
    return !name->empty();
  }
  // With \\, \" and \n.
  bool TakeQuoted(std::string* text) {
    if (!Take('"')) return false;
    while (!rest_.empty() && !Take('"')) {
      const bool escaped = Take('\\');
      if (rest_.empty()) return false;
      text->push_back(escaped && rest_.front() == 'n' ? '\n' : rest_.front());
      rest_.remove_prefix(1);
      if (rest_.empty()) return false;  // the quote is missing
    }
    return true;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool TakeLabels(LineReader* reader, std::map<std::string, std::string>* labels) {
  if (!reader->Take('{')) return true;
  while (!reader->Take('}')) {
    std::string name;
    std::string value;
    reader->SkipBlanks();
    if (!reader->TakeName(&name) || !reader->Take('=') || !reader->TakeQuoted(&value)) return false;
    labels->insert_or_assign(std::move(name), std::move(value));
    reader->Take(',');
  }
  return true;
}

bool ReadValue(std::string_view text, double* value) {
  if (text == "+Inf" || text == "-Inf") {
    *value = std::numeric_limits<double>::infinity() * (text.front() == '-' ? -1 : 1);
    return true;
  }
  return absl::SimpleAtod(AsAbsl(text), value);
}

std::optional<Sample> ReadSample(std::string_view line) {
  LineReader reader(line);
  Sample sample;
  if (!reader.TakeName(&sample.name) || !TakeLabels(&reader, &sample.labels)) return std::nullopt;
  reader.SkipBlanks();
  // A time may follow the value.
  const std::string_view value = reader.rest().substr(0, reader.rest().find(' '));
  if (!ReadValue(value, &sample.value)) return std::nullopt;
  return sample;
}

void ReadComment(std::string_view line, Exposition* exposition) {
  const std::vector<std::string> words = absl::StrSplit(AsAbsl(line), ' ', absl::SkipEmpty());
  if (words.size() == 4 && words[1] == "TYPE") exposition->types[words[2]] = words[3];
}

}  // namespace

std::string Sample::Label(const std::string& label) const {
  const auto found = labels.find(label);
  return found == labels.end() ? std::string() : found->second;
}

std::vector<const Sample*> Exposition::Named(const std::string& name) const {
  std::vector<const Sample*> named;
  for (const Sample& sample : samples) {
    if (sample.name == name) named.push_back(&sample);
  }
  return named;
}

double Exposition::Sum(const std::string& name) const {
  double sum = 0;
  for (const Sample* sample : Named(name)) sum += sample->value;
  return sum;
}

absl::StatusOr<Exposition> ParseExposition(std::string_view text) {
  Exposition exposition;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(AsAbsl(text), '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    if (line.front() == '#') {
      ReadComment(AsStd(line), &exposition);
      continue;
    }
    std::optional<Sample> sample = ReadSample(AsStd(line));
    if (!sample.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " is not in Prometheus' text format"));
    }
    exposition.samples.push_back(*std::move(sample));
  }
  return exposition;
}

}  // namespace batchsql::cli
