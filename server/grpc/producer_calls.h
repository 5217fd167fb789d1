#pragma once

#include "absl/status/status.h"
#include "batchsql/v1/admin.pb.h"
#include "core/ingestor.h"

namespace batchsql {

// The calls of batchsql.v1.Admin that are about producers. Thread-safe; they wait for nothing but a
// pipeline's lock.
absl::Status ListProducers(const Ingestor& ingestor, const v1::ListProducersRequest& request,
                           v1::ListProducersResponse* response);
absl::Status ForgetProducers(const Ingestor& ingestor, const v1::ForgetProducersRequest& request,
                             v1::ForgetProducersResponse* response);

}  // namespace batchsql
