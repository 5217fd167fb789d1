#include "core/journal/report_builder.h"

#include "absl/strings/str_cat.h"
#include "core/journal/journal_recovery.h"

namespace batchsql {

void ReportBuilder::Add(const ScanEvent& event) {
  switch (event.kind) {
    case ScanEvent::Kind::kSegment:
      if (report_.segments++ == 0) report_.first_lsn = report_.next_lsn = event.header->first_lsn;
      report_.id = event.header->id;
      if (event.header->schema != nullptr) {
        report_.table = event.header->schema->name().ToString();
      }
      return;
    case ScanEvent::Kind::kRecord:
      if (!event.entry->request.has_value()) return;
      report_.next_lsn = event.entry->request->last_lsn() + 1;
      if (event.entry->type == RecordType::kLost) {
        report_.lost.push_back({event.record->lsn, report_.next_lsn - 1});
        return;
      }
      ++report_.requests;
      report_.rows += event.entry->request->rows.rows();
      return;
    case ScanEvent::Kind::kBad:
      report_.problems.push_back(absl::StrCat(SegmentPath(directory_, event.segment), ", offset ",
                                              event.offset, ": ", event.problem));
      return;
    case ScanEvent::Kind::kLost:
      report_.lost.push_back({event.first_lsn, event.last_lsn});
      report_.next_lsn = event.last_lsn + 1;
      // A gap between sound records is as bad as a bad record.
      report_.problems.push_back(absl::StrCat(SegmentPath(directory_, event.segment), ": LSNs ",
                                              event.first_lsn, " to ", event.last_lsn,
                                              " are missing"));
      return;
    case ScanEvent::Kind::kTorn:
      report_.torn_bytes += event.bytes;
      return;
  }
}

}  // namespace batchsql
