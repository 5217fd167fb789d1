#include "cli/input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

// How long a read waits before it looks at the stop flag again.
constexpr int kPollMs = 100;

}  // namespace

std::string ErrorText(int error) { return std::generic_category().message(error); }

absl::StatusOr<InputFile> InputFile::Open(const std::string& path, const std::atomic<bool>* stop) {
  if (path == "-") return InputFile(STDIN_FILENO, "standard input", stop);
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", ErrorText(errno)));
  }
  InputFile file(descriptor, path, stop);
  struct stat facts {};
  if (fstat(descriptor, &facts) == 0 && S_ISDIR(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a directory"));
  }
  return file;
}

InputFile::InputFile(int descriptor, std::string name, const std::atomic<bool>* stop)
    : descriptor_(descriptor), name_(std::move(name)), stop_(stop) {
  struct stat facts {};
  if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) {
    size_ = static_cast<uint64_t>(facts.st_size);
  }
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      size_(other.size_),
      stop_(other.stop_) {}

InputFile::~InputFile() {
  if (descriptor_ > STDERR_FILENO) close(descriptor_);
}

absl::StatusOr<size_t> InputFile::Read(char* buffer, size_t size) {
  while (true) {
    if (stop_ != nullptr && stop_->load()) return absl::CancelledError("stopped by the user");
    pollfd wait{descriptor_, POLLIN, 0};
    const int ready = poll(&wait, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = read(descriptor_, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) {
      return absl::InvalidArgumentError(absl::StrCat(name_, ": ", ErrorText(errno)));
    }
  }
}

absl::Status InputFile::Malformed(uint64_t line, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(name_, ":", line, ": ", what));
}

}  // namespace batchsql::cli
