#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/executor.h"
#include "core/watermark.h"
#include "executors/shared/sql_session.h"

namespace batchsql {

// The tables that the product keeps in the target, in the connection's default schema
// (docs/watermark.md). Their SQL is the same for all databases but for a few words.
inline constexpr std::string_view kWatermarkTable = "batchsql_watermark";
inline constexpr std::string_view kProducersTable = "batchsql_producers";

struct OwnTablesDialect {
  std::string_view bytes_before;  // around a literal's hexadecimal digits
  std::string_view bytes_after;
  std::string_view hex_before;  // around a column of bytes, to read it in hexadecimal
  std::string_view hex_after;
  std::string_view lock;       // after a SELECT, to lock its rows
  std::string_view parameter;  // "?", or "$" where parameters are numbered
  std::string_view parameter_type;
  // Producers are moved with UPDATE … FROM, or else with UPDATE … JOIN.
  bool update_from = true;
  // An UPDATE may look at other rows of its table, and locks none of them.
  bool update_looks_around = true;
  std::string_view insert_new_after;  // after an INSERT, to leave out rows that are there
};

// UPDATE that moves the slot's row by compare-and-set; it changes one row, or none when fenced.
// It looks at the floors where the dialect lets it.
std::string MoveSlotSql(const OwnTablesDialect& dialect, const SlotMove& move);
// Where the UPDATE could not: tells in `stand` that no other slot is below its floor. In the
// transaction that has moved the row; locks nothing, and sends nothing where there are no floors.
DatabaseError CheckFloors(SqlSession& session, const OwnTablesDialect& dialect,
                          const SlotMove& move, bool* stand);
// In the transaction that has moved the row: sets its totals once more.
DatabaseError SetSlotTotals(SqlSession& session, const OwnTablesDialect& dialect,
                            const SlotMove& move);

// Executor::ReadSlots, where the table exists. Outside a transaction.
absl::StatusOr<std::vector<SlotRow>> ReadSlotRows(SqlSession& session,
                                                  const OwnTablesDialect& dialect,
                                                  const Uuid& pipeline);
// Executor::Claim, where the table exists. After UNKNOWN the connection must be given up.
absl::Status RunClaim(SqlSession& session, const OwnTablesDialect& dialect, const SlotClaim& claim);
// Executor::Resolve, on a new connection to a server that can be written.
absl::StatusOr<Resolution> RunResolve(SqlSession& session, const OwnTablesDialect& dialect,
                                      const SlotMove& move);

// Executor::ReadProducers, where the table exists. Outside a transaction.
absl::StatusOr<std::vector<ProducerMove>> ReadProducerRows(
    SqlSession& session, const OwnTablesDialect& dialect, const TableName& table,
    absl::Span<const std::string> producer_ids);
// Moves all of them, or tells in `moved` that one is not as expected.
DatabaseError MoveProducerRows(SqlSession& session, const OwnTablesDialect& dialect,
                               const TableName& table, absl::Span<const ProducerMove> moves,
                               bool* moved);

}  // namespace batchsql
