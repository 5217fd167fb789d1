#pragma once

#include "absl/status/status.h"
#include "batchsql/v1/admin.pb.h"
#include "core/ingestor.h"

namespace batchsql {

// batchsql.v1.Admin/ReconcileTable. Thread-safe. Waits for the database.
absl::Status ReconcileTable(const Ingestor& ingestor, const v1::ReconcileTableRequest& request,
                            v1::ReconcileTableResponse* response);

}  // namespace batchsql
