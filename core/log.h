#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace batchsql {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One field of a log line. Values are quoted where needed; they never hold rows' values or secrets.
struct LogField {
  std::string_view key;
  std::string value;
};

// Writes one line in logfmt to standard error:
//   time=2026-01-31T12:00:00.000Z level=info msg="table opened" table=events
// Thread-safe.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// Lines below this level are dropped. The start value is kInfo.
void SetLogLevel(LogLevel level);
// `debug`, `info`, `warning` or `error`; false for anything else.
bool ParseLogLevel(std::string_view text, LogLevel* level);

// The line after its time and level, as Log writes it; for tests.
std::string FormatLogLine(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace batchsql
