#include "tests/support/faulty_env.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace batchsql {

// A file's bytes as they are read, and as a crash leaves them.
struct FaultyEnv::Inode {
  std::string cached;
  std::string synced;
  // Written or allocated since the last sync, in order: what a sync will make safe.
  struct Change {
    uint64_t offset = 0;
    std::string bytes;
  };
  std::vector<Change> changes;
  uint64_t size_to_sync = 0;

  static void Apply(const Change& change, std::string* bytes) {
    bytes->resize(std::max<size_t>(bytes->size(), change.offset + change.bytes.size()), '\0');
    std::copy(change.bytes.begin(), change.bytes.end(),
              bytes->begin() + static_cast<std::ptrdiff_t>(change.offset));
  }
  void Sync() {
    synced.resize(std::max<size_t>(synced.size(), size_to_sync), '\0');
    for (const Change& change : changes) Apply(change, &synced);
    changes.clear();
  }
};

class FaultyFile : public File {
 public:
  FaultyFile(FaultyEnv* env, std::shared_ptr<FaultyEnv::Inode> inode)
      : env_(env), inode_(std::move(inode)) {}

  absl::Status Write(uint64_t offset, absl::Span<const absl::Span<const char>> parts) override {
    MutexLock lock(env_->mutex_);
    if (absl::Status status = env_->Begin("write"); !status.ok()) return status;
    FaultyEnv::Inode::Change change{offset, ""};
    for (const absl::Span<const char> part : parts) change.bytes.append(part.data(), part.size());
    absl::Status status = env_->Grow(inode_.get(), offset + change.bytes.size());
    if (!status.ok()) return status;
    FaultyEnv::Inode::Apply(change, &inode_->cached);
    inode_->size_to_sync = inode_->cached.size();
    inode_->changes.push_back(std::move(change));
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset, absl::Span<char> bytes) override {
    std::function<void()> hook;
    {
      MutexLock lock(env_->mutex_);
      hook = env_->on_read_;
    }
    if (hook) hook();
    MutexLock lock(env_->mutex_);
    if (absl::Status status = env_->BeginReading("read"); !status.ok()) return status;
    const std::string& from = inode_->cached;
    if (offset > from.size() || bytes.size() > from.size() - offset) {
      return absl::OutOfRangeError("the file ends before");
    }
    std::memcpy(bytes.data(), from.data() + offset, bytes.size());
    return absl::OkStatus();
  }

  absl::Status Allocate(uint64_t bytes) override {
    MutexLock lock(env_->mutex_);
    if (absl::Status status = env_->Begin("allocate"); !status.ok()) return status;
    if (absl::Status status = env_->Grow(inode_.get(), bytes); !status.ok()) return status;
    inode_->cached.resize(std::max<size_t>(inode_->cached.size(), bytes), '\0');
    inode_->size_to_sync = inode_->cached.size();
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    std::function<void()> hook;
    {
      MutexLock lock(env_->mutex_);
      hook = env_->on_sync_;
    }
    if (hook) hook();
    MutexLock lock(env_->mutex_);
    const absl::Status status = env_->Begin("sync");
    // A failed sync marks the pages clean: no later one writes them.
    if (!status.ok()) {
      if (!env_->frozen_) inode_->changes.clear();
      return status;
    }
    if (!env_->ignore_syncs_) inode_->Sync();
    return absl::OkStatus();
  }

  absl::Status DropCache(uint64_t /*end*/) override {
    MutexLock lock(env_->mutex_);
    if (absl::Status status = env_->BeginReading("drop"); !status.ok()) return status;
    // Pages that are still to be written cannot be dropped.
    inode_->cached = inode_->synced;
    for (const auto& change : inode_->changes) FaultyEnv::Inode::Apply(change, &inode_->cached);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    MutexLock lock(env_->mutex_);
    if (absl::Status status = env_->BeginReading("size"); !status.ok()) return status;
    return uint64_t{inode_->cached.size()};
  }

 private:
  FaultyEnv* const env_;
  const std::shared_ptr<FaultyEnv::Inode> inode_;
};

FaultyEnv::FaultyEnv() = default;
FaultyEnv::~FaultyEnv() = default;

absl::Status FaultyEnv::Begin(const std::string& operation) {
  if (frozen_) return absl::UnavailableError("the process is dead");
  ++operations_;
  ++counts_[operation];
  if (operation == fail_always_ || (fail_at_ != 0 && --fail_at_ == 0)) {
    return {fail_code_, absl::StrCat("injected failure of ", operation)};
  }
  return absl::OkStatus();
}

absl::Status FaultyEnv::BeginReading(const std::string& operation) {
  ++counts_[operation];
  const bool fails_now = fail_reading_at_ != 0 && --fail_reading_at_ == 0;
  if (!fails_now && operation != fail_always_) return absl::OkStatus();
  return {fail_code_, absl::StrCat("injected failure of ", operation)};
}

uint64_t FaultyEnv::Used() const {
  uint64_t used = 0;
  for (const auto& [path, inode] : entries_) used += inode->cached.size();
  return used;
}

absl::Status FaultyEnv::Grow(Inode* inode, uint64_t size) {
  const uint64_t now = inode->cached.size();
  if (size > now && Used() + (size - now) > capacity_) {
    return absl::ResourceExhaustedError("no space left on device");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> FaultyEnv::Create(const std::string& path) {
  MutexLock lock(mutex_);
  if (absl::Status status = Begin("create"); !status.ok()) return status;
  if (entries_.contains(path)) return absl::AlreadyExistsError(path);
  entries_[path] = std::make_shared<Inode>();
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(this, entries_[path]));
}

absl::StatusOr<std::unique_ptr<File>> FaultyEnv::Open(const std::string& path, bool /*write*/) {
  MutexLock lock(mutex_);
  if (absl::Status status = BeginReading("open"); !status.ok()) return status;
  const auto entry = entries_.find(path);
  if (entry == entries_.end()) return absl::NotFoundError(path);
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(this, entry->second));
}

absl::Status FaultyEnv::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  if (absl::Status status = Begin("rename"); !status.ok()) return status;
  const auto entry = entries_.find(from);
  if (entry == entries_.end()) return absl::NotFoundError(from);
  std::shared_ptr<Inode> inode = entry->second;
  entries_.erase(entry);
  entries_[to] = std::move(inode);
  return absl::OkStatus();
}

absl::Status FaultyEnv::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (!entries_.contains(path)) return absl::NotFoundError(path);
  if (absl::Status status = Begin("remove"); !status.ok()) return status;
  entries_.erase(path);
  return absl::OkStatus();
}

absl::Status FaultyEnv::MakeDirectory(const std::string& /*path*/) {
  MutexLock lock(mutex_);
  return Begin("mkdir");
}

absl::StatusOr<std::vector<std::string>> FaultyEnv::List(const std::string& directory) {
  MutexLock lock(mutex_);
  if (absl::Status status = BeginReading("list"); !status.ok()) return status;
  const std::string prefix = directory + "/";
  std::vector<std::string> names;
  for (const auto& [path, inode] : entries_) {
    if (path.starts_with(prefix)) names.push_back(path.substr(prefix.size()));
  }
  return names;
}

absl::Status FaultyEnv::SyncDirectory(const std::string& path) {
  MutexLock lock(mutex_);
  if (absl::Status status = Begin("syncdir"); !status.ok()) return status;
  const std::string prefix = path + "/";
  const auto inside = [&](const auto& entry) { return entry.first.starts_with(prefix); };
  std::erase_if(synced_entries_, inside);
  for (const auto& entry : entries_) {
    if (inside(entry)) synced_entries_.insert(entry);
  }
  return absl::OkStatus();
}

void FaultyEnv::Crash(uint64_t kept_bytes) {
  MutexLock lock(mutex_);
  Entries after;
  for (const auto& [path, inode] : synced_entries_) {
    auto left = std::make_shared<Inode>();
    left->synced = inode->synced;
    left->synced.resize(std::max<size_t>(left->synced.size(), inode->size_to_sync), '\0');
    uint64_t rest = kept_bytes;
    for (const Inode::Change& change : inode->changes) {
      const uint64_t part = std::min<uint64_t>(rest, change.bytes.size());
      Inode::Apply({change.offset, change.bytes.substr(0, part)}, &left->synced);
      rest -= part;
    }
    left->cached = left->synced;
    left->size_to_sync = left->cached.size();
    after[path] = std::move(left);
  }
  entries_ = after;
  synced_entries_ = std::move(after);
  fail_at_ = 0;
  fail_always_.clear();
}

void FaultyEnv::Freeze(bool frozen) {
  MutexLock lock(mutex_);
  frozen_ = frozen;
}

void FaultyEnv::FailOperation(uint64_t n, absl::StatusCode code) {
  MutexLock lock(mutex_);
  fail_at_ = n;
  fail_code_ = code;
}

void FaultyEnv::FailAlways(const std::string& operation, absl::StatusCode code) {
  MutexLock lock(mutex_);
  fail_always_ = operation;
  fail_code_ = code;
}

void FaultyEnv::FailReading(uint64_t n, absl::StatusCode code) {
  MutexLock lock(mutex_);
  fail_reading_at_ = n;
  fail_code_ = code;
}

bool FaultyEnv::failure_is_due() const {
  MutexLock lock(mutex_);
  return fail_at_ != 0 || fail_reading_at_ != 0;
}

uint64_t FaultyEnv::operations() const {
  MutexLock lock(mutex_);
  return operations_;
}

uint64_t FaultyEnv::count(const std::string& operation) const {
  MutexLock lock(mutex_);
  const auto found = counts_.find(operation);
  return found == counts_.end() ? 0 : found->second;
}

void FaultyEnv::SetCapacity(uint64_t bytes) {
  MutexLock lock(mutex_);
  capacity_ = bytes;
}

uint64_t FaultyEnv::used_bytes() const {
  MutexLock lock(mutex_);
  return Used();
}

void FaultyEnv::IgnoreSyncs() {
  MutexLock lock(mutex_);
  ignore_syncs_ = true;
}

void FaultyEnv::OnSync(std::function<void()> hook) {
  MutexLock lock(mutex_);
  on_sync_ = std::move(hook);
}

void FaultyEnv::OnRead(std::function<void()> hook) {
  MutexLock lock(mutex_);
  on_read_ = std::move(hook);
}

std::string FaultyEnv::Contents(const std::string& path) const {
  MutexLock lock(mutex_);
  const auto entry = entries_.find(path);
  return entry == entries_.end() ? "" : entry->second->cached;
}

void FaultyEnv::SetContents(const std::string& path, const std::string& bytes) {
  MutexLock lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->cached = inode->synced = bytes;
  inode->size_to_sync = bytes.size();
  entries_[path] = inode;
  synced_entries_[path] = inode;
}

void FaultyEnv::CopyTo(FaultyEnv* other) const {
  MutexLock lock(mutex_);
  for (const auto& [path, inode] : synced_entries_) other->SetContents(path, inode->synced);
}

}  // namespace batchsql
