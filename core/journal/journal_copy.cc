// Copies of journals: repaired, or adopted under a new identity.

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/disk_budget.h"
#include "core/journal/journal_inspect.h"
#include "core/journal/journal_recovery.h"
#include "core/journal/journal_scan.h"
#include "core/journal/journal_writer.h"
#include "core/journal/report_builder.h"

namespace batchsql {
namespace {

absl::Status MakeEmpty(Env* env, const std::string& directory) {
  if (absl::Status status = env->MakeDirectory(directory); !status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> names = env->List(directory);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  if (names->empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(directory, ": is not empty"));
}

// Writes entries to a new journal, many to a sync. One thread; used once.
class Copy {
 public:
  Copy(Env* env, const std::string& directory, JournalTip tip)
      : writer_(env, &disk_, OptionsFor(directory), std::move(tip), 0, &index_) {}

  absl::Status Add(JournalEntry entry) {
    bytes_ += RowsOf(entry).size() + kRecordHeaderBytes;
    entries_.push_back(std::move(entry));
    return bytes_ < kBytesMax ? absl::OkStatus() : Flush();
  }
  // Goes on in a new segment, from what another journal knew here.
  absl::Status Restart(const SegmentHeader& header) {
    if (absl::Status status = Flush(); !status.ok()) return status;
    return writer_.Restart(header.producers, header.claims);
  }
  absl::Status Finish() {
    if (absl::Status status = Add(JournalEntry()); !status.ok()) return status;
    return Flush();
  }

 private:
  static constexpr uint64_t kBytesMax = uint64_t{4} << 20;

  static JournalWriter::Options OptionsFor(const std::string& directory) {
    JournalWriter::Options options;
    options.directory = directory;
    return options;
  }
  absl::Status Flush() {
    std::vector<const JournalEntry*> entries;
    entries.reserve(entries_.size());
    for (const JournalEntry& entry : entries_) entries.push_back(&entry);
    for (absl::Span<const JournalEntry* const> rest(entries); !rest.empty();) {
      const absl::StatusOr<size_t> written = writer_.Write(rest);
      if (!written.ok()) return written.status();
      rest.remove_prefix(*written);
    }
    entries_.clear();
    bytes_ = 0;
    return absl::OkStatus();
  }

  DiskBudget disk_{UINT64_MAX};
  SegmentIndex index_{{}};
  JournalWriter writer_;
  std::vector<JournalEntry> entries_;
  uint64_t bytes_ = 0;
};

// The first schema of the journal: LSNs that are lost before the first row need one, too.
absl::StatusOr<std::shared_ptr<const TableSchema>> FirstSchema(Env* env,
                                                               const std::string& directory) {
  const absl::StatusOr<std::vector<uint64_t>> numbers = ListSegments(env, directory);
  if (!numbers.ok()) return numbers.status();
  for (const uint64_t number : *numbers) {
    const auto file = env->Open(SegmentPath(directory, number), false);
    if (!file.ok()) return file.status();
    absl::StatusOr<SizedSegmentHeader> header = ReadSegmentHeader(**file);
    if (!header.ok() && !absl::IsDataLoss(header.status())) return header.status();
    if (header.ok() && header->header.schema != nullptr) return std::move(header->header.schema);
  }
  return nullptr;
}

class Repair {
 public:
  Repair(Env* env, std::string out, std::shared_ptr<const TableSchema> schema)
      : env_(env), out_(std::move(out)), schema_(std::move(schema)) {}

  absl::Status Take(ScanEvent& event) {
    switch (event.kind) {
      case ScanEvent::Kind::kSegment:
        return TakeSegment(*event.header);
      case ScanEvent::Kind::kRecord:
        if (event.entry->type == RecordType::kEndMarker) return absl::OkStatus();
        return copy_->Add(std::move(*event.entry));
      case ScanEvent::Kind::kLost:
        damaged_ = true;
        return copy_->Add(LostEntry(event.first_lsn, event.last_lsn));
      case ScanEvent::Kind::kBad:
        damaged_ = true;
        return absl::OkStatus();
      case ScanEvent::Kind::kTorn:
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }
  absl::Status Finish() {
    if (copy_ != nullptr) return copy_->Finish();
    return absl::DataLossError("no segment can be read: nothing can be saved");
  }

 private:
  absl::Status TakeSegment(const SegmentHeader& header) {
    if (header.schema != nullptr) schema_ = header.schema;
    if (copy_ == nullptr) {
      JournalTip tip;
      tip.id = header.id;
      tip.schema = header.schema;
      tip.producers = header.producers;
      tip.claims = header.claims;
      tip.next_lsn = header.first_lsn;
      copy_ = std::make_unique<Copy>(env_, out_, std::move(tip));
      return absl::OkStatus();
    }
    // What was lost may have been answers and claims; the header has them.
    return std::exchange(damaged_, false) ? copy_->Restart(header) : absl::OkStatus();
  }

  JournalEntry LostEntry(Lsn first, Lsn last) const {
    QueuedBlock block;
    block.schema = schema_;
    block.answer.first_lsn = first;
    block.answer.last_lsn = last;
    JournalEntry entry = RequestEntry(std::move(block));
    entry.type = RecordType::kLost;
    return entry;
  }

  Env* const env_;
  const std::string out_;
  std::shared_ptr<const TableSchema> schema_;
  std::unique_ptr<Copy> copy_;  // from the first segment on
  bool damaged_ = false;        // since the last segment began
};

// Numbers requests anew, from `from_lsn` on.
class Adoption {
 public:
  Adoption(Env* env, std::string out, Lsn from_lsn)
      : env_(env), out_(std::move(out)), from_lsn_(from_lsn) {}

  absl::Status Take(ScanEvent& event) {
    if (event.kind == ScanEvent::Kind::kSegment) return TakeSegment(*event.header);
    if (event.kind != ScanEvent::Kind::kRecord) return absl::OkStatus();
    JournalEntry& entry = *event.entry;
    if (entry.request.has_value()) return TakeRequest(entry);
    if (entry.type == RecordType::kClaim || entry.type == RecordType::kEndMarker) {
      return absl::OkStatus();
    }
    if (copy_ != nullptr) return copy_->Add(std::move(entry));
    Advance(entry, &tip_);
    return absl::OkStatus();
  }
  absl::Status Finish() {
    if (from_lsn_ > end_lsn_) {
      return absl::InvalidArgumentError(
          absl::StrCat("LSN ", from_lsn_, ": the journal ends at ", end_lsn_ - 1));
    }
    if (copy_ == nullptr) Begin();
    return copy_->Finish();
  }

 private:
  absl::Status TakeSegment(const SegmentHeader& header) {
    if (std::exchange(began_, true)) return absl::OkStatus();
    if (from_lsn_ != 0 && from_lsn_ < header.first_lsn) {
      return absl::InvalidArgumentError(
          absl::StrCat("LSN ", from_lsn_, ": the journal begins at ", header.first_lsn));
    }
    tip_.producers = header.producers;
    tip_.schema = header.schema;
    end_lsn_ = header.first_lsn;
    return absl::OkStatus();
  }

  absl::Status TakeRequest(JournalEntry& entry) {
    QueuedBlock& request = *entry.request;
    const Lsn first = request.first_lsn();
    end_lsn_ = request.last_lsn() + 1;
    if (request.schema != nullptr && copy_ == nullptr) tip_.schema = request.schema;
    if (end_lsn_ <= from_lsn_) {
      if (entry.type == RecordType::kRequest) tip_.producers.Record(std::move(request.answer));
      return absl::OkStatus();
    }
    if (first < from_lsn_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "LSN ", from_lsn_, " is within a request, of LSNs ", first, " to ", end_lsn_ - 1));
    }
    if (copy_ == nullptr) Begin();
    if (entry.type == RecordType::kLost) return absl::OkStatus();
    request.answer.last_lsn = next_lsn_ + (request.last_lsn() - first);
    request.answer.first_lsn = next_lsn_;
    next_lsn_ = request.last_lsn() + 1;
    return copy_->Add(std::move(entry));
  }

  void Begin() {
    JournalTip tip;
    tip.id = NewUuid();
    tip.schema = tip_.schema;
    tip.producers = std::move(tip_.producers);
    tip.producers.ForgetLsns();
    copy_ = std::make_unique<Copy>(env_, out_, std::move(tip));
  }

  Env* const env_;
  const std::string out_;
  const Lsn from_lsn_;
  bool began_ = false;
  JournalTip tip_;  // of what is left out
  Lsn end_lsn_ = 1;
  Lsn next_lsn_ = 1;
  std::unique_ptr<Copy> copy_;  // from the first request that is kept
};

}  // namespace

absl::StatusOr<JournalReport> RepairJournal(Env* env, const std::string& directory,
                                            const std::string& out) {
  absl::StatusOr<std::shared_ptr<const TableSchema>> schema = FirstSchema(env, directory);
  if (!schema.ok()) return schema.status();
  if (absl::Status status = MakeEmpty(env, out); !status.ok()) return status;
  ReportBuilder builder(directory);
  Repair repair(env, out, *std::move(schema));
  absl::Status status = ScanJournal(env, directory, [&](ScanEvent& event) {
    builder.Add(event);
    return repair.Take(event);
  });
  if (status.ok()) status = repair.Finish();
  if (!status.ok()) return status;
  return builder.Finish();
}

absl::StatusOr<JournalReport> AdoptJournal(Env* env, const std::string& directory,
                                           const std::string& out, Lsn from_lsn) {
  absl::Status status = RecoverJournal(env, directory, Recover::kReadOnly).status();
  if (status.ok()) status = MakeEmpty(env, out);
  if (!status.ok()) return status;
  Adoption adoption(env, out, from_lsn);
  status = ScanJournal(env, directory, [&](ScanEvent& event) { return adoption.Take(event); });
  if (status.ok()) status = adoption.Finish();
  if (!status.ok()) return status;
  return VerifyJournal(env, out);
}

}  // namespace batchsql
