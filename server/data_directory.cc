#include "server/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

absl::Status PrepareDirectory(const std::string& path) {
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

}  // namespace

absl::StatusOr<DataDirectory> DataDirectory::Open(const std::string& path) {
  if (absl::Status status = PrepareDirectory(path); !status.ok()) return status;
  const std::string file = path + "/lock";
  const int lock =
      ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (lock < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return absl::FailedPreconditionError(
        absl::StrCat("data_dir ", path, " is in use by another batchsqld"));
  }
  return DataDirectory(lock);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : lock_(std::exchange(other.lock_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace batchsql
