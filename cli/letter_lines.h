#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "batchsql/v1/admin.pb.h"

namespace batchsql::cli {

// A dead letter as one line of JSON, with its row in it.
std::string LetterLine(const std::string& table, const v1::DeadLetter& letter);

// The letters of a file of such lines, edited or not: of each line `id` and `row` count. Blank
// lines are skipped. INVALID_ARGUMENT "FILE:LINE: what".
absl::StatusOr<std::vector<v1::DeadLetterReplay>> ReadLetterLines(const std::string& path);

// "constraint", as users see it.
std::string ReasonText(v1::RejectReason reason);
// "2026-01-31T12:00:00.000Z"
std::string TimeText(uint64_t time_ms);

}  // namespace batchsql::cli
