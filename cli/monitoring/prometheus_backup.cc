#include "cli/monitoring/prometheus_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/http/json_api.h"

namespace batchsql::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kBefore[] = "before-restore";

absl::Status Failure(const fs::path& path, const std::error_code& error) {
  return absl::FailedPreconditionError(absl::StrCat(path.string(), ": ", error.message()));
}

// Whether somebody has the file open for writing. The kernel grants a lease on a file only where
// nobody has; where it grants none at all (to strangers, on some file systems), nothing is known.
bool IsBeingWritten(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool refused = fcntl(file, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
  if (!refused) (void)fcntl(file, F_SETLEASE, F_UNLCK);
  close(file);
  return refused;
}

// A Prometheus that runs writes one of the segments in `wal`. It need not have a lock file.
absl::Status CheckNotRunning(const fs::path& data) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(data / "wal", error)) {
    if (entry.is_regular_file(error) && IsBeingWritten(entry.path())) {
      return absl::FailedPreconditionError(
          absl::StrCat("a Prometheus is running on ", data.string(), ": stop it first"));
    }
  }
  return absl::OkStatus();
}

absl::Status Copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path().empty() ? fs::path(".") : to.parent_path(), error);
  if (!error) fs::copy(from, to, fs::copy_options::recursive, error);
  return error ? Failure(from, error) : absl::OkStatus();
}

// Moves all that is in `data` into a folder there: the folder itself may be a mount.
absl::Status PutAside(const fs::path& data) {
  const fs::path before = data / kBefore;
  std::error_code error;
  if (fs::exists(before, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(before.string(), " is left of an earlier restore: remove it first"));
  }
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(data, error)) {
    entries.push_back(entry.path());
  }
  if (!error) fs::create_directory(before, error);
  for (const fs::path& entry : entries) {
    if (!error) fs::rename(entry, before / entry.filename(), error);
  }
  return error ? Failure(data, error) : absl::OkStatus();
}

// Only root can, and only root's copy needs it.
absl::Status GiveToOwner(const fs::path& path, const struct stat& owner) {
  if (geteuid() == owner.st_uid) return absl::OkStatus();
  if (lchown(path.c_str(), owner.st_uid, owner.st_gid) == 0) return absl::OkStatus();
  return Failure(path, std::error_code(errno, std::generic_category()));
}

absl::Status GiveAll(const fs::path& data) {
  struct stat owner = {};
  if (stat(data.c_str(), &owner) != 0) {
    return Failure(data, std::error_code(errno, std::generic_category()));
  }
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(data, error)) {
    if (absl::Status given = GiveToOwner(entry.path(), owner); !given.ok()) return given;
  }
  return error ? Failure(data, error) : absl::OkStatus();
}

absl::StatusOr<std::string> TakeSnapshot(const std::string& url) {
  const absl::StatusOr<std::string> base = BaseUrl(url);
  if (!base.ok()) return base.status();
  const absl::StatusOr<Json> answer =
      JsonApi("Prometheus", *base).Post("/api/v1/admin/tsdb/snapshot", "");
  if (!answer.ok()) return answer.status();
  const std::string name = TextOf(FieldOf(*answer, "data"), "name");
  // It becomes part of a path.
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
    return absl::DataLossError(absl::StrCat(url, " names no snapshot: is it Prometheus?"));
  }
  return name;
}

}  // namespace

absl::StatusOr<std::string> BackUpPrometheus(const std::string& url, const fs::path& data,
                                             const fs::path& copy) {
  std::error_code error;
  if (fs::exists(copy, error)) {
    return absl::FailedPreconditionError(absl::StrCat(copy.string(), " is there already"));
  }
  absl::StatusOr<std::string> name = TakeSnapshot(url);
  if (!name.ok()) return name;
  const fs::path snapshot = data / "snapshots" / *name;
  if (!fs::is_directory(snapshot, error)) {
    return absl::FailedPreconditionError(absl::StrCat("Prometheus wrote the snapshot ", *name,
                                                      ", but not to ", snapshot.string(), ": is ",
                                                      data.string(), " its data folder?"));
  }
  if (absl::Status copied = Copy(snapshot, copy); !copied.ok()) return copied;
  fs::remove_all(snapshot, error);
  if (error) return Failure(snapshot, error);
  return name;
}

absl::Status RestorePrometheus(const fs::path& copy, const fs::path& data) {
  std::error_code error;
  if (!fs::is_directory(copy, error)) {
    return absl::InvalidArgumentError(absl::StrCat(copy.string(), " is no folder"));
  }
  fs::create_directories(data, error);
  if (error) return Failure(data, error);
  if (absl::Status idle = CheckNotRunning(data); !idle.ok()) return idle;
  if (absl::Status aside = PutAside(data); !aside.ok()) return aside;
  if (absl::Status copied = Copy(copy, data); !copied.ok()) return copied;
  return GiveAll(data);
}

}  // namespace batchsql::cli
