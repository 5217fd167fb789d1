#include "config/expand.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr size_t kSecretFileBytesMax = 64 * 1024;

bool IsVariableName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (const char c : name) {
    if (c != '_' && !absl::ascii_isalnum(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

absl::StatusOr<std::string> FileText(const std::string& path) {
  if (!absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError(
        "${file:…} needs an absolute path, as in ${file:/run/secret}");
  }
  absl::StatusOr<std::string> text = ReadSmallFile(path, kSecretFileBytesMax);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("${file:", path, "}: ", text.status().message()));
  }
  absl::string_view trimmed = *text;
  if (absl::ConsumeSuffix(&trimmed, "\n")) absl::ConsumeSuffix(&trimmed, "\r");
  return std::string(trimmed);
}

// The text that stands for ${inner}.
absl::StatusOr<std::string> Substitute(std::string_view inner, const VariableLookup& variables) {
  absl::string_view path = AsAbsl(inner);
  if (absl::ConsumePrefix(&path, "file:")) return FileText(std::string(path));
  if (!IsVariableName(inner)) {
    return absl::InvalidArgumentError("expected ${NAME} or ${file:/path} after a dollar sign");
  }
  const std::string name(inner);
  std::optional<std::string> value = variables(name);
  if (!value) {
    return absl::InvalidArgumentError(
        absl::StrCat("the environment variable ", name, " is not set"));
  }
  return *std::move(value);
}

}  // namespace

VariableLookup ProcessVariables() {
  return [](const std::string& name) -> std::optional<std::string> {
    // Nothing in the daemon changes its environment.
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

absl::StatusOr<std::string> Expand(std::string_view text, const VariableLookup& variables) {
  std::string out;
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    if (!text.starts_with('{')) {
      return absl::InvalidArgumentError("a dollar sign stands alone: write $$ for it, or ${NAME}");
    }
    const size_t close = text.find('}');
    if (close == std::string_view::npos) return absl::InvalidArgumentError("${ is not closed by }");
    absl::StatusOr<std::string> value = Substitute(text.substr(1, close - 1), variables);
    if (!value.ok()) return value.status();
    out += *value;
    text.remove_prefix(close + 1);
  }
  return out;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot be opened: ", std::generic_category().message(errno)));
  }
  std::string text(bytes_max + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot be read: ", std::generic_category().message(errno)));
  }
  if (text.size() > bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat("is larger than ", bytes_max, " bytes"));
  }
  return text;
}

}  // namespace batchsql
