#include "core/executor.h"

namespace batchsql {

std::string_view ErrorClassName(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kNone:
      return "none";
    case ErrorClass::kRetry:
      return "retry";
    case ErrorClass::kReconnect:
      return "reconnect";
    case ErrorClass::kRow:
      return "row";
    case ErrorClass::kPause:
      return "pause";
    case ErrorClass::kFatal:
      return "fatal";
    case ErrorClass::kUnknown:
      return "unknown";
  }
  return "";
}

}  // namespace batchsql
