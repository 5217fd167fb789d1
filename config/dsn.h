#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "config/options.h"

namespace batchsql {

// What can be said about a DSN without its driver. INVALID_ARGUMENT says what is expected and never
// shows any of the DSN.
absl::Status CheckDsn(TargetKind kind, std::string_view dsn);

// The DSN as people may see it: passwords, and every parameter that is not known to be harmless, as
// ***. What cannot be read for certain is masked too.
std::string MaskDsn(TargetKind kind, std::string_view dsn);

}  // namespace batchsql
