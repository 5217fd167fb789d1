#include "core/fault_point.h"

#ifdef BATCHSQL_TEST_FAULTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace batchsql {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): never set here
  return value == nullptr ? "" : value;
}

struct KillAt {
  std::string name;
  uint64_t count = 0;
};

KillAt ReadKillAt() {
  const std::string text = Environment("BATCHSQL_KILL_AT");
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, 1};
  return {text.substr(0, colon), std::strtoull(text.c_str() + colon + 1, nullptr, 10)};
}

}  // namespace

void FaultPoint(std::string_view name) {
  static const KillAt kKillAt = ReadKillAt();
  static std::atomic<uint64_t> passed{0};
  if (name != kKillAt.name || ++passed != kKillAt.count) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();  // the signal is on its way
}

bool Sabotage(std::string_view name) {
  static const std::string kSabotage = Environment("BATCHSQL_SABOTAGE");
  return name == kSabotage;
}

}  // namespace batchsql

#endif
