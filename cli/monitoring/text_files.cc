#include "cli/monitoring/text_files.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

absl::Status Failure(const std::filesystem::path& path, int error) {
  return absl::InvalidArgumentError(
      absl::StrCat(path.string(), ": ", std::generic_category().message(error)));
}

}  // namespace

absl::Status WriteTextFile(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return Failure(path.parent_path(), error.value());
  errno = 0;
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return out ? absl::OkStatus() : Failure(path, errno);
}

absl::StatusOr<std::string> ReadTextFile(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) return Failure(path, errno);
  return text;
}

}  // namespace batchsql::cli
