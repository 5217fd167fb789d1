#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/env.h"
#include "core/mutex.h"

namespace batchsql {

// Files in memory on a disk that can crash, fill up and fail, with what Linux promises and no more:
// bytes are safe once their file was synced, names once their directory was; after a failed sync
// the bytes are still read but will never reach the disk, and the next sync succeeds. Thread-safe.
class FaultyEnv : public Env {
 public:
  FaultyEnv();
  ~FaultyEnv() override;

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool write) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status SyncDirectory(const std::string& path) override;

  // Loses the power: everything that was not synced is gone, but for the first `kept_bytes` of
  // what was last written to each file. Handles that are open keep their old file.
  void Crash(uint64_t kept_bytes = 0);
  // While it is set, every operation fails and changes nothing: for whoever outlives a crash in the
  // test but would not in the world.
  void Freeze(bool frozen);

  // The n-th operation from now that changes or syncs something fails, once; 0: none does.
  void FailOperation(uint64_t n, absl::StatusCode code = absl::StatusCode::kUnavailable);
  // From now on every one of this kind fails ("write", "sync", "read", …; "" none).
  void FailAlways(const std::string& operation,
                  absl::StatusCode code = absl::StatusCode::kUnavailable);
  // The same for the n-th that only reads: opens, lists, reads, tells a size.
  void FailReading(uint64_t n, absl::StatusCode code = absl::StatusCode::kUnavailable);
  // A failure that was asked for by its number is still to come.
  bool failure_is_due() const;
  // Operations so far that can fail by FailOperation.
  uint64_t operations() const;
  uint64_t count(const std::string& operation) const;

  // Space of the disk; what is allocated or written beyond fails with RESOURCE_EXHAUSTED.
  void SetCapacity(uint64_t bytes);
  uint64_t used_bytes() const;
  // Syncs of files succeed and do nothing.
  void IgnoreSyncs();
  // Runs before every sync, or read, of a file, on its thread.
  void OnSync(std::function<void()> hook);
  void OnRead(std::function<void()> hook);

  // A file as it is read now.
  std::string Contents(const std::string& path) const;
  void SetContents(const std::string& path, const std::string& bytes);  // synced
  // Copies what is on the disk, synced and named, to another disk.
  void CopyTo(FaultyEnv* other) const;

 private:
  friend class FaultyFile;
  struct Inode;
  using Entries = std::map<std::string, std::shared_ptr<Inode>>;

  absl::Status Begin(const std::string& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BeginReading(const std::string& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Grow(Inode* inode, uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Used() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // by path
  Entries synced_entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t fail_at_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fail_reading_at_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::StatusCode fail_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  std::string fail_always_ ABSL_GUARDED_BY(mutex_);
  uint64_t capacity_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
  bool frozen_ ABSL_GUARDED_BY(mutex_) = false;
  bool ignore_syncs_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> on_sync_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_read_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
