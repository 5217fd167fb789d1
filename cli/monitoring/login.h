#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/http/http_client.h"

namespace batchsql::cli {

// How the user says who they are to Grafana. Secrets come from files, never from the command line,
// where every user of the machine can read them.
struct LoginOptions {
  std::string token_file;  // of a service account
  std::string user;
  std::string password_file;
};

// Reads the files, without the white space at their ends. INVALID_ARGUMENT where one cannot be read
// or is empty, or a user has no password file.
absl::StatusOr<HttpLogin> ReadLogin(const LoginOptions& options);

}  // namespace batchsql::cli
