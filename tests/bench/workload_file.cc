#include "tests/bench/workload_file.h"

#include <csv.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/civil_time.h"

namespace batchsql::bench {
namespace {

constexpr size_t kColumns = 6;

[[noreturn]] void Refuse(const std::string& name) {
  (void)std::fprintf(stderr, "%s: not a file of workload W\n", name.c_str());
  std::exit(2);  // NOLINT(concurrency-mt-unsafe): one thread
}

struct Reading {
  std::vector<std::string> cells;  // of the line under way
  std::vector<WorkloadRow> rows;
  bool is_header = true;
  bool good = true;
};

void OnCell(void* text, size_t length, void* context) {
  static_cast<Reading*>(context)->cells.emplace_back(static_cast<const char*>(text), length);
}

void OnLine(int /*terminator*/, void* context) {
  Reading& reading = *static_cast<Reading*>(context);
  std::vector<std::string> cells;
  cells.swap(reading.cells);
  if (reading.is_header) {
    reading.is_header = false;
    return;
  }
  WorkloadRow row;
  if (cells.size() != kColumns || !absl::SimpleAtoi(cells[0], &row.id) ||
      !absl::SimpleAtoi(cells[2], &row.user_id) || !absl::SimpleAtod(cells[4], &row.amount)) {
    reading.good = false;
    return;
  }
  const std::optional<int64_t> ts_us = ParseTimestamp(cells[1]);
  if (!ts_us.has_value()) {
    reading.good = false;
    return;
  }
  row.ts_us = *ts_us;
  row.ts = std::move(cells[1]);
  row.name = std::move(cells[3]);
  row.payload = std::move(cells[5]);
  reading.rows.push_back(std::move(row));
}

}  // namespace

std::vector<WorkloadRow> ReadWorkloadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ReadWorkload(text, path);
}

std::vector<WorkloadRow> ReadWorkload(std::string_view text, const std::string& name) {
  Reading reading;
  csv_parser parser;
  if (csv_init(&parser, CSV_STRICT) != 0) Refuse(name);
  const size_t parsed = csv_parse(&parser, text.data(), text.size(), OnCell, OnLine, &reading);
  csv_fini(&parser, OnCell, OnLine, &reading);
  csv_free(&parser);
  if (parsed != text.size() || !reading.good || reading.rows.empty()) Refuse(name);
  return reading.rows;
}

}  // namespace batchsql::bench
