#include "core/dead_letters/letter_files.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/dead_letters/letter_format.h"
#include "core/journal/journal_format.h"
#include "core/strings.h"
#include "core/uuid.h"

namespace batchsql {
namespace {

constexpr uint64_t kDiskUnit = 4096;
// Of each file, for marks only: what makes room must not need room.
constexpr uint64_t kMarkBytes = 4096;
uint64_t NewSalt() {
  const Uuid random = NewUuid();
  uint64_t salt = 0;
  std::memcpy(&salt, random.data(), sizeof(salt));
  return salt;
}

absl::Status Damaged(const std::string& path, uint64_t offset) {
  return absl::DataLossError(
      absl::StrCat("dead letters are damaged: ", path, " at offset ", offset,
                   "; run `batchsql dlq repair`, or move the folder aside to go on without them "
                   "(docs/dead-letters.md, \"Damage\")"));
}

}  // namespace

LetterFiles::LetterFiles(Env* env, LetterSpace* space, Options options)
    : env_(env), space_(space), options_(std::move(options)) {}

LetterFiles::~LetterFiles() { LetGo(); }

void LetterFiles::LetGo() {
  tail_.reset();
  space_->budget().Release(std::exchange(disk_bytes_, 0));
}

std::string LetterFiles::PathOf(uint32_t number) const {
  return LetterFilePath(options_.directory, number);
}

// Ascending; files that were being made when the process died are removed.
absl::StatusOr<std::vector<uint32_t>> LetterFiles::FindFiles() {
  const absl::StatusOr<std::vector<std::string>> names = env_->List(options_.directory);
  if (absl::IsNotFound(names.status())) return std::vector<uint32_t>();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (absl::EndsWith(name, AsAbsl(kNewSuffix))) {
      env_->Remove(absl::StrCat(options_.directory, "/", name)).IgnoreError();
    }
  }
  return LetterFileNumbers(*names);
}

absl::Status LetterFiles::Open(OnFrame on_frame) {
  const absl::StatusOr<std::vector<uint32_t>> numbers = FindFiles();
  if (!numbers.ok()) return numbers.status();
  return OpenFiles(*numbers, on_frame);
}

absl::Status LetterFiles::OpenFiles(const std::vector<uint32_t>& numbers, OnFrame on_frame) {
  std::string bytes;  // of the file before
  for (const uint32_t number : numbers) {
    std::string next;
    const absl::StatusOr<LetterFileHeader> header = LoadFile(number, &next);
    if (!header.ok()) return header.status();
    if (!files_.empty()) {
      if (number != files_.back().number + 1) return Damaged(PathOf(number), 0);
      absl::Status status = ReadFrames(bytes, header->previous_end, on_frame);
      if (!status.ok()) return status;
    }
    files_.push_back({number, header->salt, kLetterHeaderBytes, next.size()});
    disk_bytes_ += next.size();
    space_->budget().Add(next.size());
    bytes = std::move(next);
  }
  return files_.empty() ? absl::OkStatus() : ReadFrames(bytes, std::nullopt, on_frame);
}

// What is read of a file is on the disk: after a killed process bytes may not be there yet, and
// after a failed sync never will.
absl::StatusOr<LetterFileHeader> LetterFiles::LoadFile(uint32_t number, std::string* bytes) {
  const std::string path = PathOf(number);
  absl::StatusOr<std::unique_ptr<File>> file = env_->Open(path, true);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (absl::Status status = (*file)->DropCache(); !status.ok()) return status;
  absl::StatusOr<std::string> read = ReadLetterFile(**file);
  if (!read.ok()) return read.status();
  const std::optional<LetterFileHeader> header = LetterFileHeader::Decode(*read);
  if (!header.has_value() || header->number != number) return Damaged(path, 0);
  if (header->version > kLettersVersion) {
    return NewerLetters(path);
  }
  *bytes = *std::move(read);
  tail_ = *std::move(file);
  return *header;
}

// Of the last file in files_. `end`: what counts of it, as the file behind it says; nullopt: none
// is behind it.
absl::Status LetterFiles::ReadFrames(std::string_view bytes, std::optional<uint64_t> end,
                                     OnFrame on_frame) {
  FileInfo& file = files_.back();
  const std::string path = PathOf(file.number);
  while (!end.has_value() || file.end < *end) {
    const std::optional<LetterFrame> frame = LetterFrameAt(bytes, file.salt, file.end);
    if (!frame.has_value()) break;
    const Place place{file.number, static_cast<uint32_t>(file.end), frame->bytes};
    if (!on_frame(place, frame->body).ok()) return Damaged(path, file.end);
    file.end += LetterFrameBytes(frame->bytes);
  }
  if (end.has_value()) return file.end == *end ? absl::OkStatus() : Damaged(path, file.end);
  const size_t last = bytes.find_last_not_of('\0');
  if (last < file.end) return absl::OkStatus();
  if (HasLaterLetterFrame(bytes, file.salt, file.end)) return Damaged(path, file.end);
  torn_bytes_ = last + 1 - file.end;
  tail_.reset();  // what is torn is never written over
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LetterFiles::Place>> LetterFiles::Append(
    absl::Span<const std::string> bodies, bool needed) {
  uint64_t size = 0;
  for (const std::string& body : bodies) size += LetterFrameBytes(body.size());
  if (absl::Status status = MakeRoom(size, needed); !status.ok()) return status;
  FileInfo& file = files_.back();
  std::vector<Place> places;
  std::string frames;
  frames.reserve(size);
  for (const std::string& body : bodies) {
    places.push_back({file.number, static_cast<uint32_t>(file.end + frames.size()),
                      static_cast<uint32_t>(body.size())});
    AppendLetterFrame(body, file.salt, file.end, &frames);
  }
  absl::Status status = tail_->Write(file.end, {absl::Span<const char>(frames)});
  if (status.ok()) status = tail_->Sync();
  if (!status.ok()) {
    tail_.reset();  // final where its last synced frame ends
    return status;
  }
  file.end += frames.size();
  return places;
}

absl::StatusOr<std::string> LetterFiles::Read(const Place& place) {
  const std::string path = PathOf(place.file);
  absl::StatusOr<std::unique_ptr<File>> file = env_->Open(path, false);
  if (!file.ok()) return file.status();
  std::string bytes(LetterFrameBytes(place.bytes), '\0');
  absl::Status status = (*file)->Read(place.offset, absl::MakeSpan(bytes.data(), bytes.size()));
  if (!status.ok()) return status;
  const auto info = std::find_if(files_.begin(), files_.end(), [&](const FileInfo& candidate) {
    return candidate.number == place.file;
  });
  if (info == files_.end()) return absl::InternalError("no such file of dead letters");
  const std::optional<LetterFrame> frame = LetterFrameAt(bytes, info->salt, 0);
  if (!frame.has_value() || frame->bytes != place.bytes) return Damaged(path, place.offset);
  return std::string(frame->body);
}

// Marks may use the room that is kept for them.
absl::Status LetterFiles::MakeRoom(uint64_t bytes, bool needed) {
  const uint64_t kept = needed ? 0 : kMarkBytes;
  if (tail_ != nullptr && files_.back().end + bytes + kept <= files_.back().bytes) {
    return absl::OkStatus();
  }
  const uint64_t least = AlignUp(kLetterHeaderBytes + bytes + kMarkBytes, kDiskUnit);
  const uint64_t doubled = files_.empty() ? options_.file_bytes_min : 2 * files_.back().bytes;
  const uint64_t wished =
      std::max(least, std::clamp(doubled, options_.file_bytes_min, options_.file_bytes_max));
  absl::Status status = CreateFile(wished, false);
  if (absl::IsResourceExhausted(status)) status = CreateFile(least, needed);
  return status;
}

absl::Status LetterFiles::CreateFile(uint64_t bytes, bool needed) {
  const uint32_t number = files_.empty() ? 1 : files_.back().number + 1;
  const std::string path = absl::StrCat(PathOf(number), AsAbsl(kNewSuffix));
  absl::Status status = env_->MakeDirectory(options_.directory);
  if (!status.ok()) return status;
  env_->Remove(path).IgnoreError();  // what an attempt that failed left behind
  if (status = Allocate(path, &bytes, needed); !status.ok()) return status;
  status = Install(path, bytes);
  if (!status.ok()) {
    env_->Remove(path).IgnoreError();
    space_->budget().Release(bytes);
    return status;
  }
  disk_bytes_ += bytes;
  space_->KeepReserve();
  return absl::OkStatus();
}

// Makes the file with `*bytes` of space, out of the reserve where the disk is full. Within the
// budget; `needed`: even beyond it.
absl::Status LetterFiles::Allocate(const std::string& path, uint64_t* bytes, bool needed) {
  DiskBudget& budget = space_->budget();
  if (needed) {
    budget.Add(*bytes);
  } else if (!budget.TryReserve(*bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the dead letters' disk space, limits.letters_bytes_max (", budget.bytes_max(),
                     " bytes), is used up: purge some"));
  }
  absl::StatusOr<std::unique_ptr<File>> file = env_->Create(path);
  absl::Status status = file.ok() ? (*file)->Allocate(*bytes) : file.status();
  if (status.ok()) return status;
  env_->Remove(path).IgnoreError();
  budget.Release(*bytes);
  const bool full = absl::IsResourceExhausted(status);
  if (!full || *bytes > LetterSpace::kReserveBytes || !space_->TakeReserve(path)) return status;
  *bytes = LetterSpace::kReserveBytes;
  budget.Add(*bytes);
  return absl::OkStatus();
}

// The file gets its name when its header is safe, so that a file without a header is damage.
absl::Status LetterFiles::Install(const std::string& path, uint64_t bytes) {
  LetterFileHeader header;
  header.number = files_.empty() ? 1 : files_.back().number + 1;
  header.salt = NewSalt();
  header.previous_end = files_.empty() ? 0 : files_.back().end;
  const std::string encoded = header.Encode();
  absl::StatusOr<std::unique_ptr<File>> file = env_->Open(path, true);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Write(0, {absl::Span<const char>(encoded)});
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) {
    tail_.reset();  // from here on the disk may say where it ends
    status = env_->Rename(path, PathOf(header.number));
  }
  if (status.ok()) status = env_->SyncDirectory(options_.directory);
  if (status.ok() && files_.empty()) {
    status =
        env_->SyncDirectory(options_.directory.substr(0, options_.directory.find_last_of('/')));
  }
  if (!status.ok()) return status;
  files_.push_back({header.number, header.salt, kLetterHeaderBytes, bytes});
  tail_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status LetterFiles::Rotate() { return CreateFile(options_.file_bytes_min, true); }

absl::Status LetterFiles::RemoveOldest() {
  const FileInfo oldest = files_.front();
  absl::Status status = env_->Remove(PathOf(oldest.number));
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  if (absl::Status synced = env_->SyncDirectory(options_.directory); !synced.ok()) return synced;
  files_.pop_front();
  disk_bytes_ -= oldest.bytes;
  space_->budget().Release(oldest.bytes);
  space_->KeepReserve();
  return absl::OkStatus();
}

}  // namespace batchsql
