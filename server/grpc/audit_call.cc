#include "server/grpc/audit_call.h"

#include <string>

#include "server/grpc/find_pipeline.h"

namespace batchsql {
namespace {

v1::AuditVerdict VerdictOf(const AuditReport& report) {
  switch (report.verdict) {
    case AuditReport::Verdict::kOk:
      return v1::AUDIT_VERDICT_OK;
    case AuditReport::Verdict::kMismatch:
      return v1::AUDIT_VERDICT_MISMATCH;
    case AuditReport::Verdict::kUncounted:
      return v1::AUDIT_VERDICT_UNCOUNTED;
  }
  return v1::AUDIT_VERDICT_UNSPECIFIED;
}

v1::AuditDigest DigestOf(const AuditReport& report) {
  switch (report.digest) {
    case AuditReport::Digest::kNone:
      return v1::AUDIT_DIGEST_NONE;
    case AuditReport::Digest::kPartial:
      return v1::AUDIT_DIGEST_PARTIAL;
    case AuditReport::Digest::kEqual:
      return v1::AUDIT_DIGEST_EQUAL;
    case AuditReport::Digest::kDiffers:
      return v1::AUDIT_DIGEST_DIFFERS;
  }
  return v1::AUDIT_DIGEST_UNSPECIFIED;
}

void FillTotals(const AuditReport& report, v1::AuditResponse* response) {
  response->set_committed_rows(report.ledger.committed);
  response->set_coalesced_rows(report.ledger.coalesced);
  response->set_dead_lettered_rows(report.ledger.refused);
  response->set_received_rows(report.intake.received);
  response->set_replayed_rows(report.intake.replayed);
  response->set_rejected_rows(report.intake.rejected);
  response->set_deduplicated_rows(report.intake.deduplicated);
  response->set_lost_rows(report.intake.lost);
  response->set_frontier(report.frontier);
}

}  // namespace

absl::Status AuditTable(Ingestor& ingestor, const v1::AuditRequest& request,
                        v1::AuditResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindPipeline(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  const absl::StatusOr<AuditReport> report = (*pipeline)->Audit();
  if (!report.ok()) return report.status();
  response->set_table((*pipeline)->options().label);
  response->set_target((*pipeline)->target().name());
  response->set_pipeline(UuidText(report->pipeline));
  response->set_verdict(VerdictOf(*report));
  for (const std::string& finding : report->findings) response->add_findings(finding);
  response->set_in_target_rows(report->rows);
  response->set_missing_rows(report->missing);
  response->set_extra_rows(report->extra);
  response->set_digest(DigestOf(*report));
  FillTotals(*report, response);
  return absl::OkStatus();
}

}  // namespace batchsql
