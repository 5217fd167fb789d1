#pragma once

#include "absl/status/status.h"
#include "batchsql/v1/admin.pb.h"
#include "core/ingestor.h"

namespace batchsql {

// batchsql.v1.Admin.Audit. Waits for the table's database.
absl::Status AuditTable(Ingestor& ingestor, const v1::AuditRequest& request,
                        v1::AuditResponse* response);

}  // namespace batchsql
