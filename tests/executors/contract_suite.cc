#include "tests/executors/contract_suite.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/slot_totals.h"

namespace batchsql::contract {
namespace {

std::atomic<uint32_t> next_table{0};

}  // namespace

std::string WithPort(const std::string& dsn, uint16_t port, uint16_t other) {
  const std::string text = absl::StrCat(":", port, "/");
  const size_t at = dsn.find(text, dsn.find('@'));
  if (at == std::string::npos) throw std::runtime_error("the DSN does not name its port");
  return absl::StrCat(dsn.substr(0, at), ":", other, dsn.substr(at + text.size() - 1));
}

std::string TestDatabase::OfPipeline(const Uuid& pipeline) const {
  std::string hex;
  for (const uint8_t byte : pipeline) absl::StrAppend(&hex, absl::Hex(byte, absl::kZeroPad2));
  return absl::StrCat(Canonical(ColumnType::kBytes, "pipeline"), " = '", hex, "'");
}

ContractTest::ContractTest() : db_(MakeTestDatabase()), executor_(db_->MakeExecutor()) {
  const SlotClaim claim = NextClaim();
  const absl::Status claimed = db_->MakeExecutor()->Claim(claim);
  if (!claimed.ok()) throw std::runtime_error(claimed.ToString());
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    slots_.push_back({slot, claim.epoch, claim.token, 0, 0, 0, 0});
  }
}

ContractTest::~ContractTest() {
  executor_.reset();
  try {
    db_->Execute(absl::StrCat("DELETE FROM batchsql_watermark WHERE ", db_->OfPipeline(pipeline_)));
  } catch (const std::exception& error) {
    UNSCOPED_INFO("deleting the slots: " << error.what());
  }
  for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
    try {
      db_->Execute(absl::StrCat("DROP TABLE IF EXISTS ", db_->Quote(*table)));
    } catch (const std::exception& error) {
      UNSCOPED_INFO("dropping " << *table << ": " << error.what());
    }
  }
}

std::string ContractTest::UniqueName(std::string_view suffix) {
  tables_.push_back(absl::StrCat("contract_", getpid(), "_", ++next_table,
                                 absl::string_view(suffix.data(), suffix.size())));
  return tables_.back();
}

std::string ContractTest::NewTable(const std::string& definition, std::string_view suffix) {
  std::string name = UniqueName(suffix);
  db_->Execute(absl::StrCat("CREATE TABLE ", db_->Quote(name), " (", definition, ")"));
  return name;
}

std::string ContractTest::NewTableAB(const std::string& more) {
  const std::string integer = Sql(ColumnType::kInt64);
  return NewTable(absl::StrCat("id ", integer, " NOT NULL PRIMARY KEY, a ", integer, ", b ",
                               integer, more.empty() ? "" : ", ", more));
}

std::shared_ptr<const TableSchema> ContractTest::Describe(const std::string& table,
                                                          const WriteRule& rule) {
  absl::StatusOr<TableSchema> schema = executor_->Describe({"", table}, rule);
  INFO(schema.status().ToString());
  REQUIRE(schema.ok());
  return std::make_shared<const TableSchema>(*std::move(schema));
}

std::shared_ptr<const TableSchema> ContractTest::Describe(const std::string& table,
                                                          Conflict conflict) {
  WriteRule rule;
  rule.conflict = conflict;
  return Describe(table, rule);
}

WriteRule ContractTest::ReplaceBy(const std::string& key) {
  WriteRule rule;
  rule.conflict = Conflict::kReplace;
  rule.key = {key};
  rule.any_unique_key = true;
  return rule;
}

BuiltRows ContractTest::Build(const TableSchema& schema, const std::vector<Cells>& rows) {
  RowBlockBuilder builder;
  builder.Start(schema);
  for (const Cells& cells : rows) {
    for (const auto& [name, value] : cells) {
      const absl::StatusOr<uint32_t> column = builder.BindColumn(name, 10'000);
      REQUIRE(column.ok());
      builder.Append(*column, value);
    }
    builder.EndRow();
  }
  return builder.Finish();
}

RowBlock ContractTest::Block(const TableSchema& schema, const std::vector<Cells>& rows) {
  BuiltRows built = Build(schema, rows);
  if (!built.rejected.empty()) {
    const RowRejection& first = built.rejected.front();
    FAIL("row " << first.row << ", " << first.field << ": " << RejectReasonName(first.reason));
  }
  REQUIRE(built.block.has_value());
  return *std::move(built.block);
}

SlotMove ContractTest::NextMove(uint32_t slot) {
  SlotMove move{pipeline_, slots_.at(slot), slots_.at(slot)};
  Lsn last = 0;
  for (const SlotRow& row : slots_) last = std::max(last, row.to);
  move.after.from = last + 1;
  move.after.to = last + 10;
  move.after.frontier = last;
  move.after.attempt = move.before.attempt + 0x7000'0000'0000'0001U;
  move.after.attempt &= INT64_MAX;
  return move;
}

SlotClaim ContractTest::NextClaim() {
  return {pipeline_, slots_, kSlots, slots_.empty() ? 1 : slots_.front().epoch + 1, NewUuid()};
}

WriteOutcome ContractTest::WriteThrough(Executor& executor, const WritePlan& plan,
                                        const FlushProgress& progress) {
  std::vector<RowRef> kept;
  int keeps = 0;
  WriteOutcome outcome = executor.Write(
      plan, progress, [&](absl::Span<const RowFailure> failures, LetterChanges* changes) {
        ++keeps;
        *changes = keep_changes;
        for (const RowFailure& failure : failures) kept.push_back(failure.row);
        return on_keep();
      });
  written_ = progress.slot.after;
  written_.totals = TotalsAfter(plan, progress, outcome.failures, outcome.coalesced_rows);
  if (outcome.kind == WriteOutcome::Kind::kCommitted) {
    slots_.at(written_.slot) = written_;
    std::vector<RowRef> failed;
    for (const RowFailure& failure : outcome.failures) failed.push_back(failure.row);
    if (kept != failed || keeps != (failed.empty() ? 0 : 1)) FAIL("failures were not kept once");
  }
  return outcome;
}

WriteOutcome ContractTest::WriteThrough(Executor& executor, const WritePlan& plan) {
  return WriteThrough(executor, plan, {NextMove(), {}});
}

WriteOutcome ContractTest::Write(const std::shared_ptr<const TableSchema>& schema,
                                 const std::vector<const RowBlock*>& blocks) {
  return WriteThrough(*executor_, PlanWrite(schema, blocks));
}

WriteOutcome ContractTest::Write(const std::shared_ptr<const TableSchema>& schema,
                                 const std::vector<Cells>& rows) {
  const RowBlock block = Block(*schema, rows);
  return Write(schema, std::vector<const RowBlock*>{&block});
}

void ContractTest::MustWrite(const std::shared_ptr<const TableSchema>& schema,
                             const std::vector<Cells>& rows) {
  const WriteOutcome outcome = Write(schema, rows);
  INFO(outcome.error.code << " " << outcome.error.message);
  REQUIRE(outcome.kind == WriteOutcome::Kind::kCommitted);
  REQUIRE(outcome.failures.empty());
}

std::vector<std::string> ContractTest::Rows(const std::string& table, const std::string& columns) {
  std::vector<std::string> rows;
  for (const TestDatabase::Row& row :
       db_->Query(absl::StrCat("SELECT ", columns, " FROM ", db_->Quote(table), " ORDER BY id"))) {
    rows.push_back(absl::StrJoin(
        row, "|", [](std::string* out, const auto& cell) { out->append(cell.value_or("NULL")); }));
  }
  return rows;
}

int64_t ContractTest::Count(const std::string& table, const std::string& where) {
  const auto rows =
      db_->Query(absl::StrCat("SELECT count(*) FROM ", db_->Quote(table), " WHERE ", where));
  return std::stoll(rows.at(0).at(0).value());
}

}  // namespace batchsql::contract
