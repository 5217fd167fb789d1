#include "config/loader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "config/reader.h"
#include "config/sections.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

constexpr size_t kFileBytesMax = 1024 * 1024;

// yaml-cpp reads other encodings too, and guesses: bytes that are no UTF-8 would reach a password.
bool CheckUtf8(std::string_view text, ErrorList* errors) {
  int line = 1;
  while (!text.empty()) {
    const std::string_view first = text.substr(0, text.find('\n'));
    if (const Utf8Facts facts = InspectUtf8(first); !facts.valid || facts.has_nul) {
      errors->Add(line, "", "expected UTF-8 text without NUL");
      return false;
    }
    text.remove_prefix(std::min(first.size() + 1, text.size()));
    ++line;
  }
  return true;
}

// Sees where documents start, and nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { lines_.push_back(mark.line + 1); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  const std::vector<int>& lines() const { return lines_; }

 private:
  std::vector<int> lines_;
};

// Load reads the first document and ignores what follows; LoadAll never ends on text like `{},`,
// which has documents without end to yaml-cpp.
void RefuseSecondDocument(const std::string& text, ErrorList* errors) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) return;
  errors->Add(starts.lines().back(), "", "more text after the YAML document's end: expected one");
}

// The file's one document; a null node for an empty file.
YAML::Node ParseYaml(const std::string& text, ErrorList* errors) {
  try {
    RefuseSecondDocument(text, errors);
    return YAML::Load(text);
  } catch (const YAML::Exception& e) {
    // What follows a colon in yaml-cpp's messages comes from the file.
    const std::string what = e.msg.substr(0, e.msg.find(':'));
    errors->Add(std::max(e.mark.line, 0) + 1, "", "not valid YAML: " + what);
    return YAML::Node();
  }
}

Reader RootOf(const YAML::Node& document, ReadContext* context) {
  const int line = document.IsNull() ? 1 : document.Mark().line + 1;
  return Reader(document, line, "", "", context);
}

// What `read` makes of the document, in an environment.
template <typename Result>
absl::StatusOr<Result> Parse(std::string_view text, const std::string& filename,
                             const VariableLookup& variables, const std::string& environment,
                             Result (*read)(Reader&, const std::string&)) {
  ReadContext context;
  context.variables = variables;
  if (!CheckUtf8(text, &context.errors)) return context.errors.ToStatus(filename);
  const YAML::Node document = ParseYaml(std::string(text), &context.errors);
  if (absl::Status status = context.errors.ToStatus(filename); !status.ok()) return status;
  Reader root = RootOf(document, &context);
  Result result = read(root, environment);
  if (absl::Status status = context.errors.ToStatus(filename); !status.ok()) return status;
  return result;
}

absl::StatusOr<std::string> TextOf(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, kFileBytesMax);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", text.status().message()));
}

}  // namespace

absl::StatusOr<Options> ParseText(std::string_view text, const std::string& filename,
                                  const VariableLookup& variables, const std::string& environment) {
  return Parse(text, filename, variables, environment, ReadOptions);
}

absl::StatusOr<Options> LoadFile(const std::string& path, const VariableLookup& variables,
                                 const std::string& environment) {
  const absl::StatusOr<std::string> text = TextOf(path);
  if (!text.ok()) return text.status();
  return Parse(*text, path, variables, environment, ReadOptions);
}

absl::StatusOr<DaemonPlace> LoadPlace(const std::string& path, const VariableLookup& variables,
                                      const std::string& environment) {
  const absl::StatusOr<std::string> text = TextOf(path);
  if (!text.ok()) return text.status();
  return Parse(*text, path, variables, environment, ReadPlace);
}

absl::Status EnvironmentWithoutFile() {
  return absl::InvalidArgumentError(
      "--environment, or BATCHSQL_ENV, selects one of a file's environments: it needs --config");
}

std::set<std::string> AcceptedKeys() {
  ReadContext context;
  context.variables = [](const std::string&) { return std::nullopt; };
  const YAML::Node document = YAML::Load("{targets: [{}], tables: [{}], environments: {any: {}}}");
  Reader root = RootOf(document, &context);
  ReadOptions(root, "");
  return std::move(context.keys);
}

}  // namespace batchsql
