#include "tests/bench/workload_file.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace batchsql::bench {

std::vector<WorkloadRow> ReadWorkloadFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<WorkloadRow> rows;
  while (std::getline(file, line)) {
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
    WorkloadRow row;
    if (cells.size() != 6 || !absl::SimpleAtoi(cells[0], &row.id) ||
        !absl::SimpleAtoi(cells[2], &row.user_id) || !absl::SimpleAtod(cells[4], &row.amount)) {
      (void)std::fprintf(stderr, "%s: not a file of workload W\n", path.c_str());
      std::exit(2);  // NOLINT(concurrency-mt-unsafe): one thread
    }
    row.ts = std::string(cells[1]);
    row.name = std::string(cells[3]);
    row.payload = std::string(cells[5]);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace batchsql::bench
