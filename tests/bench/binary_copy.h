#pragma once

#include <string>

#include "absl/types/span.h"
#include "tests/bench/workload_file.h"

namespace batchsql::bench {

// Appends rows in PostgreSQL's binary COPY format, with header and trailer. Written for the one
// table it serves, to be as fast as such code can be.
void AppendBinaryCopy(absl::Span<const WorkloadRow> rows, std::string* out);

// The time as PostgreSQL holds it.
int64_t PostgresMicros(const WorkloadRow& row);

}  // namespace batchsql::bench
