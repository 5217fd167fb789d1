#include "core/ledger_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/log.h"

namespace batchsql {
namespace {

constexpr uint64_t kPlaceBytes = 4096;

std::string PathIn(const std::string& directory) { return absl::StrCat(directory, "/ledger"); }

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerFile>> LedgerFile::Open(Env* env, std::string directory) {
  std::unique_ptr<LedgerFile> ledger(new LedgerFile(env, std::move(directory)));
  const absl::Status loaded = ledger->Load();
  if (absl::IsNotFound(loaded)) return ledger;
  if (absl::IsDataLoss(loaded)) {
    Log(LogLevel::kWarning, "the ledger is damaged; its counts begin anew",
        {{"directory", ledger->directory_}});
    ledger->file_.reset();
    return ledger;
  }
  if (!loaded.ok()) return loaded;
  return ledger;
}

absl::Status LedgerFile::Load() {
  absl::StatusOr<std::unique_ptr<File>> file = env_->Open(PathIn(directory_), true);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  absl::Status first_error = absl::DataLossError("no ledger");
  for (uint64_t place = 0; place < 2; ++place) {
    std::string bytes(kPlaceBytes, '\0');
    absl::Status read = file_->Read(place * kPlaceBytes, absl::MakeSpan(bytes));
    if (absl::IsOutOfRange(read)) continue;
    if (!read.ok()) return read;
    absl::StatusOr<SequencedLedger> ledger = DecodeLedger(bytes);
    if (absl::IsFailedPrecondition(ledger.status())) return ledger.status();
    if (!ledger.ok() || ledger->sequence <= sequence_) continue;
    sequence_ = ledger->sequence;
    saved_ = ledger->record;
  }
  return saved_.has_value() ? absl::OkStatus() : first_error;
}

absl::Status LedgerFile::Write(uint64_t place, const std::string& bytes) {
  const absl::Span<const char> part(bytes.data(), bytes.size());
  if (absl::Status status = file_->Write(place * kPlaceBytes, {&part, 1}); !status.ok()) {
    return status;
  }
  return file_->Sync();
}

absl::Status LedgerFile::Replace(const std::string& bytes) {
  const std::string path = PathIn(directory_);
  const std::string fresh = absl::StrCat(path, ".new");
  env_->Remove(fresh).IgnoreError();  // a crash's leftover, if any
  absl::StatusOr<std::unique_ptr<File>> file = env_->Create(fresh);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  if (absl::Status status = file_->Allocate(2 * kPlaceBytes); !status.ok()) return status;
  if (absl::Status status = Write(sequence_ % 2, bytes); !status.ok()) return status;
  if (absl::Status status = env_->Rename(fresh, path); !status.ok()) return status;
  return env_->SyncDirectory(directory_);
}

absl::Status LedgerFile::Save(const LedgerRecord& record) {
  ++sequence_;
  std::string bytes = EncodeLedger(record, sequence_);
  bytes.resize(kPlaceBytes);
  absl::Status status = file_ == nullptr ? Replace(bytes) : Write(sequence_ % 2, bytes);
  if (!status.ok()) {
    file_.reset();  // what it holds is no longer known
    return status;
  }
  saved_ = record;
  return status;
}

}  // namespace batchsql
