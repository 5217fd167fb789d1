#include "cli/monitoring/login.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/monitoring/text_files.h"

namespace batchsql::cli {
namespace {

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  absl::StripAsciiWhitespace(&*text);
  if (text->empty()) return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
  return text;
}

}  // namespace

absl::StatusOr<HttpLogin> ReadLogin(const LoginOptions& options) {
  HttpLogin login;
  if (!options.token_file.empty()) {
    absl::StatusOr<std::string> token = ReadSecret(options.token_file);
    if (!token.ok()) return token.status();
    login.token = *std::move(token);
    return login;
  }
  if (options.user.empty()) return login;
  if (options.password_file.empty()) {
    return absl::InvalidArgumentError("--user needs --password-file");
  }
  absl::StatusOr<std::string> password = ReadSecret(options.password_file);
  if (!password.ok()) return password.status();
  login.user = options.user;
  login.password = *std::move(password);
  return login;
}

}  // namespace batchsql::cli
