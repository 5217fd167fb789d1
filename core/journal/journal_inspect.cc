#include "core/journal/journal_inspect.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/journal/journal_recovery.h"
#include "core/journal/journal_scan.h"
#include "core/journal/report_builder.h"

namespace batchsql {
namespace {

std::string_view LevelName(AckLevel level) {
  switch (level) {
    case AckLevel::kMemory:
      return "memory";
    case AckLevel::kJournal:
      return "journal";
    case AckLevel::kDatabase:
      return "database";
  }
  return "";
}

std::string Producer(const std::string& id) {
  return absl::StrCat(" producer=\"", absl::CEscape(id), "\"");
}

std::string Describe(const JournalEntry& entry, const RecordHeader& record) {
  switch (entry.type) {
    case RecordType::kRequest: {
      const QueuedBlock& request = *entry.request;
      std::string line = absl::StrCat("request lsn=", request.first_lsn(), "..", request.last_lsn(),
                                      " rows=", request.rows.rows(),
                                      " level=", std::string(LevelName(request.level)));
      if (request.answer.producer_id.empty()) return line;
      absl::StrAppend(&line, Producer(request.answer.producer_id),
                      " sequence=", request.answer.sequence,
                      " rejected=", request.answer.rejected.size());
      return line;
    }
    case RecordType::kLost:
      return absl::StrCat("lost lsn=", record.lsn, "..", entry.request->last_lsn());
    case RecordType::kClaim:
      return absl::StrCat("claim epoch=", entry.claim.epoch, " token=", UuidText(entry.claim.token),
                          " held=", entry.claim.held ? 1 : 0);
    case RecordType::kForget:
      return absl::StrCat("forget", Producer(entry.producer_id));
    case RecordType::kRefused:
      return absl::StrCat("refused", Producer(entry.producer_id), " sequence=", entry.sequence,
                          " rows=", entry.refused.size());
    case RecordType::kEndMarker:
      return "end";
  }
  return "";
}

std::string DescribeSegment(const ScanEvent& event) {
  const SegmentHeader& header = *event.header;
  return absl::StrCat("segment number=", header.number, " id=", UuidText(header.id),
                      " first_lsn=", header.first_lsn, " previous=", header.previous_number, ":",
                      header.previous_end, " header_bytes=", event.bytes,
                      " table=", header.schema == nullptr ? "-" : header.schema->name().ToString(),
                      " columns=", header.schema == nullptr ? 0 : header.schema->columns().size(),
                      " producers=", header.producers.size(), " claims=", header.claims.size());
}

std::string Describe(const ScanEvent& event) {
  switch (event.kind) {
    case ScanEvent::Kind::kSegment:
      return DescribeSegment(event);
    case ScanEvent::Kind::kRecord:
      return absl::StrCat(Describe(*event.entry, *event.record), " segment=", event.segment,
                          " offset=", event.offset, " bytes=", event.bytes,
                          " group=", event.record->group);
    case ScanEvent::Kind::kBad:
      return absl::StrCat("BAD segment=", event.segment, " offset=", event.offset,
                          " bytes=", event.bytes, " problem=\"", event.problem, "\"");
    case ScanEvent::Kind::kLost:
      return absl::StrCat("LOST lsn=", event.first_lsn, "..", event.last_lsn);
    case ScanEvent::Kind::kTorn:
      return absl::StrCat("torn segment=", event.segment, " offset=", event.offset,
                          " bytes=", event.bytes);
  }
  return "";
}

}  // namespace

absl::StatusOr<JournalReport> VerifyJournal(Env* env, const std::string& directory) {
  ReportBuilder builder(directory);
  absl::Status status = ScanJournal(env, directory, [&](ScanEvent& event) {
    builder.Add(event);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  JournalReport report = builder.Finish();
  if (report.segments == 0 && report.sound()) {
    return absl::NotFoundError(absl::StrCat(directory, ": no journal is there"));
  }
  // The daemon's own judgement must not be another one.
  const absl::Status opened = RecoverJournal(env, directory, Recover::kReadOnly).status();
  if (!opened.ok() && !absl::IsDataLoss(opened)) return opened;
  if (!opened.ok() && report.sound()) report.problems.emplace_back(opened.message());
  return report;
}

absl::Status DumpJournal(Env* env, const std::string& directory,
                         absl::FunctionRef<void(std::string_view line)> print) {
  return ScanJournal(env, directory, [&](ScanEvent& event) {
    print(Describe(event));
    return absl::OkStatus();
  });
}

}  // namespace batchsql
