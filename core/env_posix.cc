#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/env.h"
#include "core/strings.h"

namespace batchsql {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::Status Error(int error, std::string_view operation, const std::string& path) {
  return {CodeOf(error), absl::StrCat(path, ": ", AsAbsl(operation), ": ",
                                      std::generic_category().message(error))};
}

class PosixFile : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { close(descriptor_); }

  absl::Status Write(uint64_t offset, absl::Span<const absl::Span<const char>> parts) override {
    std::vector<iovec> vectors;
    vectors.reserve(parts.size());
    for (const absl::Span<const char> part : parts) {
      if (!part.empty()) vectors.push_back({const_cast<char*>(part.data()), part.size()});
    }
    absl::Span<iovec> rest = absl::MakeSpan(vectors);
    while (!rest.empty()) {
      const int count = static_cast<int>(std::min<size_t>(rest.size(), IOV_MAX));
      const ssize_t written = pwritev(descriptor_, rest.data(), count, static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Error(written < 0 ? errno : EIO, "write", path_);
      offset += static_cast<uint64_t>(written);
      Consume(static_cast<size_t>(written), &rest);
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset, absl::Span<char> bytes) override {
    while (!bytes.empty()) {
      const ssize_t got =
          pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error(errno, "read", path_);
      if (got == 0) return absl::OutOfRangeError(absl::StrCat(path_, ": ends at ", offset));
      offset += static_cast<uint64_t>(got);
      bytes.remove_prefix(static_cast<size_t>(got));
    }
    return absl::OkStatus();
  }

  absl::Status Allocate(uint64_t bytes) override {
    int error = 0;
    do {
      error = fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    } while (error == EINTR);
    // The C library's fallback writes into every block; slower, as sure.
    if (error == EOPNOTSUPP) error = posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes));
    return error == 0 ? absl::OkStatus() : Error(error, "fallocate", path_);
  }

  absl::Status Sync() override {
    return fdatasync(descriptor_) == 0 ? absl::OkStatus() : Error(errno, "fdatasync", path_);
  }

  absl::Status DropCache(uint64_t end) override {
    const auto bytes = std::min<uint64_t>(end, std::numeric_limits<off_t>::max());
    const int error = posix_fadvise(descriptor_, 0, static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
    return error == 0 ? absl::OkStatus() : Error(error, "fadvise", path_);
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat facts {};
    if (fstat(descriptor_, &facts) != 0) return Error(errno, "stat", path_);
    return static_cast<uint64_t>(facts.st_size);
  }

 private:
  // Takes what was written off the front.
  static void Consume(size_t written, absl::Span<iovec>* rest) {
    while (written > 0) {
      iovec& first = rest->front();
      if (written < first.iov_len) {
        first.iov_base = static_cast<char*>(first.iov_base) + written;
        first.iov_len -= written;
        return;
      }
      written -= first.iov_len;
      rest->remove_prefix(1);
    }
  }

  const int descriptor_;
  const std::string path_;
};

class PosixEnv : public Env {
 public:
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override {
    return OpenFile(path, O_RDWR | O_CREAT | O_EXCL, "create");
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool write) override {
    return OpenFile(path, write ? O_RDWR : O_RDONLY, "open");
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Error(errno, "rename", from);
  }

  absl::Status Remove(const std::string& path) override {
    return unlink(path.c_str()) == 0 ? absl::OkStatus() : Error(errno, "unlink", path);
  }

  absl::Status MakeDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
    const int error = errno;
    struct stat facts {};
    const bool exists =
        error == EEXIST && stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
    return exists ? absl::OkStatus() : Error(error, "mkdir", path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    while (!error && entry != std::filesystem::directory_iterator()) {
      names.push_back(entry->path().filename().string());
      entry.increment(error);
    }
    if (error) return Error(error.value(), "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return Error(errno, "open", path);
    const int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error == 0 ? absl::OkStatus() : Error(error, "fsync", path);
  }

 private:
  static absl::StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, int flags,
                                                        std::string_view operation) {
    const int descriptor = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return Error(errno, operation, path);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
  }
};

}  // namespace

Env* Env::System() {
  static PosixEnv* const kSystem = new PosixEnv;
  return kSystem;
}

}  // namespace batchsql
