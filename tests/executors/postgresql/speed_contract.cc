#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "executors/postgresql/copy_encoder.h"
#include "executors/postgresql/postgresql_executor.h"
#include "tests/executors/contract_suite.h"
#include "tests/executors/postgresql/test_dsn.h"

namespace batchsql::contract {
namespace {

constexpr int64_t kRows = 1'000'000;
constexpr int64_t kBatchRows = 10'000;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class SpeedTest : public ContractTest {
 protected:
  std::string NewEventTable(uint32_t more_columns = 0) {
    std::string definition =
        "id BIGINT NOT NULL PRIMARY KEY, at TIMESTAMPTZ NOT NULL, kind INTEGER NOT NULL, "
        "name VARCHAR(64) NOT NULL, amount DOUBLE PRECISION NOT NULL, note TEXT NOT NULL";
    for (uint32_t i = 0; i < more_columns; ++i) absl::StrAppend(&definition, ", c", i, " BIGINT");
    return NewTable(definition);
  }

  // With a value for each column of the table.
  static RowBlock EventBlock(const TableSchema& schema, int64_t first, int64_t rows) {
    RowBlockBuilder builder;
    builder.Start(schema);
    const auto columns = static_cast<uint32_t>(schema.columns().size());
    for (const Column& column : schema.columns()) {
      REQUIRE(builder.BindColumn(column.name, columns).ok());
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
      for (uint32_t i = 6; i < columns; ++i) builder.Append(i, Value::Int(id + i));
      builder.EndRow();
    }
    BuiltRows built = builder.Finish();
    REQUIRE(built.rejected.empty());
    return *std::move(built.block);
  }
};

// One of two ways of writing the same batches, with a table of its own.
struct Way {
  std::string name;
  std::unique_ptr<Executor> executor;
  std::shared_ptr<const TableSchema> schema;
  std::string process;  // of its session on the server
  std::vector<double> seconds;
  std::vector<double> processor_seconds;  // of that process

  // Processor time of a process on this machine so far.
  double ProcessorSeconds() const {
    double nanoseconds = 0;
    std::ifstream("/proc/" + process + "/schedstat") >> nanoseconds;
    return nanoseconds / 1e9;
  }
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class WaysTest : public SpeedTest {
 protected:
  static constexpr int64_t kKeys = 100'000;  // there before

  Way MakeWay(const std::string& name, uint32_t unnest_cells_max, uint32_t more_columns) {
    Way way{name, nullptr, nullptr, "", {}, {}};
    PostgresOptions options;
    options.dsn = PostgresTestDsn("application_name=speed_" + name);
    options.unnest_cells_max = unnest_cells_max;
    way.executor = MakePostgresExecutor(options);
    way.schema = Describe(NewEventTable(more_columns), Conflict::kUpdate);
    const RowBlock block = EventBlock(*way.schema, 0, kKeys);
    REQUIRE(WriteThrough(*way.executor, PlanWrite(way.schema, {&block})).kind ==
            WriteOutcome::Kind::kCommitted);
    db().Execute("VACUUM ANALYZE " + way.schema->name().name);
    way.process = *db().Query("SELECT pid FROM pg_stat_activity WHERE application_name = 'speed_" +
                              name + "'")
                       .at(0)
                       .at(0);
    return way;
  }

  void WriteTimed(Way& way, int64_t first, int64_t rows) {
    const RowBlock block = EventBlock(*way.schema, first, rows);
    const WritePlan plan = PlanWrite(way.schema, {&block});
    const double processor_before = way.ProcessorSeconds();
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(WriteThrough(*way.executor, plan).kind == WriteOutcome::Kind::kCommitted);
    way.seconds.push_back(SecondsSince(start));
    way.processor_seconds.push_back(way.ProcessorSeconds() - processor_before);
  }

  static void Tell(Way& way, int64_t rows) {
    std::cout << " | " << way.name << " "
              << static_cast<int64_t>(static_cast<double>(rows) / Median(way.seconds))
              << " rows/s, " << Median(way.processor_seconds) / static_cast<double>(rows) * 1e6
              << " us/row";
    way.seconds.clear();
    way.processor_seconds.clear();
  }
};

// Hidden: in turn, batch by batch; medians of wall clock and of the server's processor time.
TEST_CASE_METHOD(WaysTest, "Speed: upserts as arrays or through a staging table", "[.ways]") {
  const uint32_t more_columns = GENERATE(0U, 24U);
  Way staged = MakeWay("staged", 0, more_columns);
  Way arrays = MakeWay("arrays", 1'000'000, more_columns);
  int64_t new_key = kKeys;
  for (const bool keys_are_there : {true, false}) {
    for (const int64_t rows : {10, 100, 500, 1'000, 2'000, 5'000, 10'000}) {
      // Staged either way.
      if (EventBlock(*arrays.schema, 0, rows).size_bytes() > 1 << 20) break;
      const int64_t batches = std::clamp<int64_t>(kKeys / rows, 20, 200);
      for (int64_t i = 0; i < batches; ++i) {
        const int64_t first = keys_are_there ? i * rows % kKeys : new_key;
        if (!keys_are_there) new_key += rows;
        WriteTimed(i % 2 == 0 ? staged : arrays, first, rows);
        WriteTimed(i % 2 == 0 ? arrays : staged, first, rows);
      }
      std::cout << 6 + more_columns << " columns, " << (keys_are_there ? "all there" : "none there")
                << ", " << rows << " rows";
      Tell(staged, rows);
      Tell(arrays, rows);
      std::cout << "\n" << std::flush;
    }
  }
}

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
