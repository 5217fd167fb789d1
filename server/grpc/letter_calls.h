#pragma once

#include "absl/status/status.h"
#include "batchsql/v1/admin.pb.h"
#include "core/ingestor.h"
#include "server/decode/row_source.h"

namespace batchsql {

// The calls of batchsql.v1.Admin that are about dead letters. They wait for the disk, and the
// replay for the journal. One at a time: a letter's replay must have ended before the next begins.
absl::Status ListLetters(Ingestor& ingestor, const v1::ListDeadLettersRequest& request,
                         v1::ListDeadLettersResponse* response);
absl::Status GetLetter(Ingestor& ingestor, const v1::GetDeadLetterRequest& request,
                       v1::GetDeadLetterResponse* response);
absl::Status ReplayLetters(Ingestor& ingestor, const RequestLimits& limits,
                           const v1::ReplayDeadLettersRequest& request,
                           v1::ReplayDeadLettersResponse* response);
absl::Status PurgeLetters(Ingestor& ingestor, const v1::PurgeDeadLettersRequest& request,
                          v1::PurgeDeadLettersResponse* response);

}  // namespace batchsql
