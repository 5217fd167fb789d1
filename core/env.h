#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace batchsql {

// A file that is written at positions of the caller's choice. One writer at a time; reads may run
// beside it. Closed by its destructor, which syncs nothing.
class File {
 public:
  virtual ~File() = default;
  // Writes the parts one after the other at `offset`, all of it or an error. RESOURCE_EXHAUSTED:
  // the disk is full.
  virtual absl::Status Write(uint64_t offset, absl::Span<const absl::Span<const char>> parts) = 0;
  // Fills `bytes`; OUT_OF_RANGE where the file ends before.
  virtual absl::Status Read(uint64_t offset, absl::Span<char> bytes) = 0;
  // Reserves disk space; what was not written reads as zeros. RESOURCE_EXHAUSTED: the disk is full.
  virtual absl::Status Allocate(uint64_t bytes) = 0;
  // fdatasync. After an error nothing is known of what was written since the last success: the
  // caller gives the file up.
  virtual absl::Status Sync() = 0;
  // Gives the system's memory back that holds whole pages of what was synced, from the file's
  // beginning up to `end`, and makes reads of it come from the disk: after a failed Sync of an
  // earlier process, cached bytes may be nowhere else.
  virtual absl::Status DropCache(uint64_t end = std::numeric_limits<uint64_t>::max()) = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;
};

// The operating system's files, as far as the journal and its neighbours need them. Errors name the
// path and the operation. Thread-safe.
class Env {
 public:
  virtual ~Env() = default;
  static Env* System();  // never destroyed

  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) = 0;  // must be new
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool write) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Mode 0700; OK where it exists.
  virtual absl::Status MakeDirectory(const std::string& path) = 0;
  // Names, sorted. NOT_FOUND.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Makes created, renamed and removed entries durable.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
};

}  // namespace batchsql
