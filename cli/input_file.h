#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace batchsql::cli {

// The text of an errno value.
std::string ErrorText(int error);

// A file, or standard input where the path is "-". Owns the descriptor (but not standard input's).
// Used by one thread; `stop` may be set by another, or by a signal handler.
class InputFile {
 public:
  // `stop` may be null; it outlives the file.
  static absl::StatusOr<InputFile> Open(const std::string& path, const std::atomic<bool>* stop);

  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  // Up to `size` bytes; 0 at the end. CANCELLED once `stop` is set, also while waiting for a pipe.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

  const std::string& name() const { return name_; }
  // Nothing for a pipe or terminal.
  std::optional<uint64_t> size() const { return size_; }

  // INVALID_ARGUMENT "NAME:LINE: what".
  absl::Status Malformed(uint64_t line, const std::string& what) const;

 private:
  InputFile(int descriptor, std::string name, const std::atomic<bool>* stop);

  int descriptor_;
  std::string name_;
  std::optional<uint64_t> size_;
  const std::atomic<bool>* stop_;
};

}  // namespace batchsql::cli
