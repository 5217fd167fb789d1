#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/budget.h"
#include "server/intake.h"

namespace batchsql {

// The answer to a request that is answered once.
struct WriteAnswer {
  uint32_t accepted = 0;               // rows that reached the level asked for
  std::vector<RowRejection> rejected;  // ascending by row, by validation or by the database
};

// Takes a request's rows and calls back once, from any thread, when they reached the request's
// level or the request failed as a whole. Never blocks on a database.
void WriteOnce(IntakeRequest request, Budget& budget,
               absl::AnyInvocable<void(absl::StatusOr<WriteAnswer>)> callback);

}  // namespace batchsql
