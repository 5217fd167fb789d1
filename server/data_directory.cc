#include "server/data_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace batchsql {

absl::Status PrepareDataDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0) return absl::OkStatus();
  if (errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make data_dir ", path));
  }
  struct stat facts = {};
  if (::stat(path.c_str(), &facts) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read data_dir ", path));
  }
  if (!S_ISDIR(facts.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat("data_dir ", path, " is not a directory"));
  }
  if (facts.st_uid != ::geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir ", path, " belongs to another user"));
  }
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir ", path, " is open to other users; run: chmod 700 ", path));
  }
  return absl::OkStatus();
}

}  // namespace batchsql
