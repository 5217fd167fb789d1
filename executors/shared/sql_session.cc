#include "executors/shared/sql_session.h"

#include "absl/strings/str_cat.h"
#include "core/strings.h"

namespace batchsql {

absl::Status StatusOfError(const DatabaseError& error, std::string_view doing) {
  if (error.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(AsAbsl(doing), ": ", error.code,
                                        error.message.empty() ? "" : " ", error.message);
  switch (error.error_class) {
    case ErrorClass::kRetry:
    case ErrorClass::kReconnect:
    case ErrorClass::kUnknown:
      return absl::UnavailableError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

}  // namespace batchsql
