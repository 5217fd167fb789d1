#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "core/executor.h"

namespace batchsql::sqlite {

// Classifies an extended result code (docs/errors.md). `message` is kept unless a row is at fault:
// SQLite's text may then quote values. SQLITE_OK gives an ok() error.
DatabaseError MakeError(int extended_code, std::string_view message);

// For Describe and DDL: UNAVAILABLE where trying again may help, else FAILED_PRECONDITION.
absl::Status ToStatus(const DatabaseError& error);

}  // namespace batchsql::sqlite
