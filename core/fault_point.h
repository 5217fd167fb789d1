#pragma once

#include <string_view>

namespace batchsql {

#ifdef BATCHSQL_TEST_FAULTS
// Places where a test may kill the process: BATCHSQL_KILL_AT="name:count" sends SIGKILL at the
// count-th passage of that name. Thread-safe.
void FaultPoint(std::string_view name);
// True when BATCHSQL_SABOTAGE names this way of breaking a promise.
bool Sabotage(std::string_view name);
#else
inline void FaultPoint(std::string_view /*name*/) {}
constexpr bool Sabotage(std::string_view /*name*/) { return false; }
#endif

}  // namespace batchsql
