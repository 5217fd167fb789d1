#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "batchsql/v1/ingest.pb.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {

enum class RequestForm : uint8_t { kRows, kColumns };

// The bytes of a WriteRequest, or of a message of a stream, whose fields are the same. `table` and
// `ack` may be left empty and unset in a stream's later messages.
std::string EncodeRequest(absl::Span<const WorkloadRow> rows, RequestForm form,
                          const std::string& table, v1::AckLevel ack);

// What EncodeRequest made of a row in kRows form, but for the text of its time.
WorkloadRow ReadRow(const v1::Row& cells);

grpc::ByteBuffer ToBuffer(const std::string& bytes);

}  // namespace batchsql::bench
