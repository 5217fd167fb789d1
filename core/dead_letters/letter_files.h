#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dead_letters/letter_format.h"
#include "core/dead_letters/letter_space.h"
#include "core/env.h"

namespace batchsql {

// The files of one store of dead letters (docs/dead-letters.md, "Files"): frames one behind the
// other, each with its checksum, never changed once written. Files go as a whole, the oldest first.
// One thread at a time.
class LetterFiles {
 public:
  struct Options {
    std::string directory;  // made with the first frame
    uint64_t file_bytes_min = uint64_t{64} << 10;
    uint64_t file_bytes_max = uint64_t{16} << 20;  // more where one frame needs it
  };
  // Where a frame's body is.
  struct Place {
    uint32_t file = 0;
    uint32_t offset = 0;
    uint32_t bytes = 0;
  };
  // Called with each frame in the order of writing; `body` is valid until it returns.
  using OnFrame = absl::FunctionRef<absl::Status(const Place& place, std::string_view body)>;

  LetterFiles(Env* env, LetterSpace* space, Options options);
  ~LetterFiles();
  // Nothing is read or written any more: gives the file and the disk budget back.
  void LetGo();

  // Reads what is there; before anything else. A bad end of the last file with nothing valid of a
  // later write behind it is a crash's trace and is cut. DATA_LOSS: damage, with file and offset.
  // FAILED_PRECONDITION: written by a newer version.
  absl::Status Open(OnFrame on_frame);
  uint64_t torn_bytes() const { return torn_bytes_; }

  // Writes frames with these bodies and syncs them. `needed`: marks, which may pass the budget, as
  // they are what makes room again. RESOURCE_EXHAUSTED: the budget is used up, or the disk is full.
  absl::StatusOr<std::vector<Place>> Append(absl::Span<const std::string> bodies, bool needed);
  // A frame's body. DATA_LOSS: it is no longer what was written.
  absl::StatusOr<std::string> Read(const Place& place);

  // The next frame begins a new file.
  absl::Status Rotate();
  // Removes the oldest file, durably; never the last.
  absl::Status RemoveOldest();

  struct FileInfo {
    uint32_t number = 0;
    uint64_t salt = 0;   // of its checksums
    uint64_t end = 0;    // of what counts
    uint64_t bytes = 0;  // on disk
  };
  const std::deque<FileInfo>& files() const { return files_; }  // ascending, without gaps
  uint64_t disk_bytes() const { return disk_bytes_; }

 private:
  absl::Status OpenFiles(const std::vector<uint32_t>& numbers, OnFrame on_frame);
  absl::StatusOr<LetterFileHeader> LoadFile(uint32_t number, std::string* bytes);
  absl::Status ReadFrames(std::string_view bytes, std::optional<uint64_t> end, OnFrame on_frame);
  absl::StatusOr<std::vector<uint32_t>> FindFiles();
  absl::Status MakeRoom(uint64_t bytes, bool needed);
  absl::Status CreateFile(uint64_t bytes, bool needed);
  absl::Status Allocate(const std::string& path, uint64_t* bytes, bool needed);
  absl::Status Install(const std::string& path, uint64_t bytes);
  std::string PathOf(uint32_t number) const;

  Env* const env_;
  LetterSpace* const space_;
  const Options options_;
  std::deque<FileInfo> files_;
  std::unique_ptr<File> tail_;  // the last file; null: the next frame begins a new one
  uint64_t disk_bytes_ = 0;     // of the budget
  uint64_t torn_bytes_ = 0;
};

}  // namespace batchsql
