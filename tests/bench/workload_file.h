#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace batchsql::bench {

// One row of workload W (docs/performance.md).
struct WorkloadRow {
  int64_t id = 0;
  std::string ts;     // as the file has it
  int64_t ts_us = 0;  // since 1970
  int32_t user_id = 0;
  std::string name;
  double amount = 0;
  std::string payload;
};

// Reads the CSV file that `batchsql generate --workload w` wrote; its fields need no quotes. Exits
// with a message when it cannot.
std::vector<WorkloadRow> ReadWorkloadFile(const std::string& path);
// As ReadWorkloadFile, of the file's text; `name` is for the message.
std::vector<WorkloadRow> ReadWorkload(std::string_view text, const std::string& name);

}  // namespace batchsql::bench
