#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/copy_encoder.h"
#include "tests/executors/contract_suite.h"

namespace batchsql::contract {
namespace {

constexpr int64_t kRows = 1'000'000;
constexpr int64_t kBatchRows = 10'000;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class SpeedTest : public ContractTest {
 protected:
  std::string NewEventTable() {
    return NewTable(
        "id BIGINT NOT NULL PRIMARY KEY, at TIMESTAMPTZ NOT NULL, kind INTEGER NOT NULL, "
        "name VARCHAR(64) NOT NULL, amount DOUBLE PRECISION NOT NULL, note TEXT NOT NULL");
  }

  static RowBlock EventBlock(const TableSchema& schema, int64_t first, int64_t rows) {
    RowBlockBuilder builder;
    builder.Start(schema);
    for (const char* name : {"id", "at", "kind", "name", "amount", "note"}) {
      REQUIRE(builder.BindColumn(name, 6).ok());
    }
    for (int64_t id = first; id < first + rows; ++id) {
      const std::string name = absl::StrCat("device-", id % 1'000);
      const std::string note = absl::StrCat("row number ", id, " of the workload");
      builder.Append(0, Value::Int(id));
      builder.Append(1, Value::Timestamp(1'700'000'000'000'000 + id * 1'000));
      builder.Append(2, Value::Int(id % 7));
      builder.Append(3, Value::Text(name));
      builder.Append(4, Value::Double(static_cast<double>(id) / 3));
      builder.Append(5, Value::Text(note));
      builder.EndRow();
    }
    BuiltRows built = builder.Finish();
    REQUIRE(built.rejected.empty());
    return *std::move(built.block);
  }
};

// Hidden: numbers for people, on a quiet machine and a release build.
TEST_CASE_METHOD(SpeedTest, "Speed: COPY BINARY of a million rows", "[.speed]") {
  for (const Conflict conflict : {Conflict::kInsert, Conflict::kUpdate, Conflict::kUpdate}) {
    static std::string table;
    if (conflict == Conflict::kInsert || table.empty()) table = NewEventTable();
    const auto schema = Describe(table, conflict);
    double seconds = 0;
    for (int64_t first = 0; first < kRows; first += kBatchRows) {
      const RowBlock block = EventBlock(*schema, first, kBatchRows);
      const WritePlan plan = PlanWrite(schema, {&block});
      const auto start = std::chrono::steady_clock::now();
      REQUIRE(WriteThrough(executor(), plan).kind == WriteOutcome::Kind::kCommitted);
      seconds += SecondsSince(start);
    }
    std::cout << ConflictName(conflict) << ": " << static_cast<int64_t>(kRows / seconds)
              << " rows/s\n";
    if (conflict == Conflict::kInsert) table = NewEventTable();
  }
}

TEST_CASE_METHOD(SpeedTest, "Speed: encoding a row", "[.speed]") {
  const auto schema = Describe(NewEventTable());
  const RowBlock block = EventBlock(*schema, 0, kBatchRows);
  const WritePlan plan = PlanWrite(schema, {&block});
  postgresql::CopyEncoder encoder;
  uint64_t bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int64_t rows = 0; rows < kRows; rows += kBatchRows) {
    encoder.Encode(plan, plan.groups[0].columns, plan.groups[0].rows, false,
                   [&](std::string_view piece) { return bytes += piece.size(), true; });
  }
  std::cout << "encoding: " << SecondsSince(start) * 1e9 / kRows << " ns/row, " << bytes / kRows
            << " bytes/row\n";
}

}  // namespace
}  // namespace batchsql::contract
