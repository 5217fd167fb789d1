#include "executors/shared/own_tables.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/strings.h"
#include "executors/shared/own_sql.h"

namespace batchsql {
namespace {

// Producers of one statement: databases limit parameters and the depth of a UNION.
constexpr size_t kProducersPerStatement = 100;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool ParseBytes(std::string_view hex, Uuid* bytes) {
  if (hex.size() != bytes->size() * 2) return false;
  for (size_t i = 0; i < bytes->size(); ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    (*bytes)[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

bool ParseTotals(absl::Span<const std::optional<std::string>> cells, SlotTotals* totals) {
  RowDigest::Bytes digest{};
  if (!ParseNumber(cells[0], &totals->lsns) || !ParseNumber(cells[1], &totals->committed) ||
      !ParseNumber(cells[2], &totals->coalesced) || !ParseNumber(cells[3], &totals->refused) ||
      !ParseNumber(cells[4], &totals->digested) || !ParseBytes(cells[5].value_or(""), &digest)) {
    return false;
  }
  totals->digest = RowDigest::FromBytes(digest);
  return true;
}

bool ParseSlotRow(const TextRow& cells, SlotRow* row) {
  return cells.size() == 13 && ParseNumber(cells[0], &row->slot) &&
         ParseNumber(cells[1], &row->epoch) && ParseBytes(cells[2].value_or(""), &row->token) &&
         ParseNumber(cells[3], &row->from) && ParseNumber(cells[4], &row->to) &&
         ParseNumber(cells[5], &row->frontier) && ParseNumber(cells[6], &row->attempt) &&
         ParseTotals(absl::MakeConstSpan(cells).subspan(7), &row->totals);
}

std::string SetTotals(const OwnTablesDialect& dialect, const SlotTotals& totals) {
  return absl::StrCat("lsns = ", totals.lsns, ", committed_rows = ", totals.committed,
                      ", coalesced_rows = ", totals.coalesced, ", refused_rows = ", totals.refused,
                      ", digested_rows = ", totals.digested,
                      ", digest = ", BytesSql(dialect, totals.digest.ToBytes()));
}

std::string SelectSlots(const OwnTablesDialect& dialect, const Uuid& pipeline) {
  return absl::StrCat("SELECT slot, epoch, ", AsAbsl(dialect.hex_before), "token",
                      AsAbsl(dialect.hex_after),
                      ", range_from, range_to, frontier, attempt, lsns, committed_rows, "
                      "coalesced_rows, refused_rows, digested_rows, ",
                      AsAbsl(dialect.hex_before), "digest", AsAbsl(dialect.hex_after), " FROM ",
                      AsAbsl(kWatermarkTable), " WHERE pipeline = ", BytesSql(dialect, pipeline));
}

absl::StatusOr<std::vector<SlotRow>> QuerySlots(SqlSession& session, const std::string& sql) {
  std::vector<TextRow> cells;
  DatabaseError error = session.Query(sql, {}, &cells);
  if (!error.ok()) return StatusOfError(error, "reading batchsql_watermark");
  std::vector<SlotRow> rows;
  for (const TextRow& row : cells) {
    if (!ParseSlotRow(row, &rows.emplace_back())) {
      return absl::FailedPreconditionError("batchsql_watermark holds a row that is not ours");
    }
  }
  return rows;
}

DatabaseError RaiseSlots(SqlSession& session, const OwnTablesDialect& dialect,
                         const SlotClaim& claim) {
  uint64_t changed = 0;  // the rows are locked, so all of them
  return session.Change(
      absl::StrCat(
          "UPDATE ", AsAbsl(kWatermarkTable), " SET epoch = ", claim.epoch,
          ", token = ", BytesSql(dialect, claim.token),
          ", updated_at = CURRENT_TIMESTAMP WHERE pipeline = ", BytesSql(dialect, claim.pipeline)),
      {}, &changed);
}

DatabaseError AddSlots(SqlSession& session, const OwnTablesDialect& dialect, const SlotClaim& claim,
                       const std::set<uint32_t>& slots) {
  const std::string token = BytesSql(dialect, claim.token);
  const std::string pipeline = BytesSql(dialect, claim.pipeline);
  const std::string digest = BytesSql(dialect, RowDigest().ToBytes());
  const auto values = [&](std::string* out, uint32_t slot) {
    absl::StrAppend(out, "(", pipeline, ", ", slot, ", ", claim.epoch, ", ", token,
                    ", 0, 0, 0, 0, 0, 0, 0, 0, 0, ", digest, ", CURRENT_TIMESTAMP)");
  };
  uint64_t added = 0;
  return session.Change(
      absl::StrCat("INSERT INTO ", AsAbsl(kWatermarkTable),
                   " (pipeline, slot, epoch, token, range_from, range_to, frontier, attempt, "
                   "lsns, committed_rows, coalesced_rows, refused_rows, digested_rows, digest, "
                   "updated_at) VALUES ",
                   absl::StrJoin(slots, ", ", values)),
      {}, &added);
}

// Moves the rows in the open transaction, which the caller ends.
absl::Status MoveClaimed(SqlSession& session, const OwnTablesDialect& dialect,
                         const SlotClaim& claim) {
  absl::StatusOr<std::vector<SlotRow>> rows = QuerySlots(
      session,
      absl::StrCat(SelectSlots(dialect, claim.pipeline), " ORDER BY slot", AsAbsl(dialect.lock)));
  if (!rows.ok()) return rows.status();
  if (*rows != claim.expected) return absl::AbortedError("the pipeline's slots have moved");
  std::set<uint32_t> missing;
  for (uint32_t slot = 0; slot < claim.slots; ++slot) missing.insert(slot);
  for (const SlotRow& row : *rows) missing.erase(row.slot);
  DatabaseError error;
  if (!rows->empty()) error = RaiseSlots(session, dialect, claim);
  if (error.ok() && !missing.empty()) error = AddSlots(session, dialect, claim, missing);
  // Another claim's rows, of which the locked read could see nothing.
  if (error.reason == RejectReason::kDuplicateKey) {
    return absl::AbortedError("the pipeline's slots were made by another claim");
  }
  return StatusOfError(error, "claiming");
}

absl::Status CommitClaim(SqlSession& session) {
  const SqlSession::CommitResult result = session.Commit();
  switch (result.kind) {
    case WriteOutcome::Kind::kCommitted:
      return absl::OkStatus();
    case WriteOutcome::Kind::kInDoubt:
      return absl::UnknownError(absl::StrCat(
          "claiming: the commit was not answered: ", result.error.code, " ", result.error.message));
    default:
      return StatusOfError(result.error, "claiming");
  }
}

bool IsSide(const SlotRow& row, const SlotRow& side) {
  return row.epoch == side.epoch && row.token == side.token && row.from == side.from &&
         row.to == side.to && row.attempt == side.attempt;
}

Resolution Judge(const std::vector<SlotRow>& rows, const SlotMove& move) {
  if (rows.size() != 1) return Resolution::kFenced;
  if (IsSide(rows[0], move.after)) return Resolution::kCommitted;
  return IsSide(rows[0], move.before) ? Resolution::kNotCommitted : Resolution::kFenced;
}

// The condition that no other slot is below its floor; a row that is not there is. Flushes beside
// this one do not break it: the floors were made before its transaction began, and what had
// committed by then shows in every later snapshot. At READ COMMITTED, where PostgreSQL and MySQL
// flush, that is the statement's; at REPEATABLE READ it would be the one of the transaction's first
// statement (PostgreSQL) or first plain read (MySQL), which are later, too. SQLite's BEGIN
// IMMEDIATE is alone. And all that one transaction reads is one server's.
std::string FloorsStand(const OwnTablesDialect& dialect, const SlotMove& move) {
  const auto stands = [](std::string* out, const SlotFloor& floor) {
    absl::StrAppend(out, "(slot = ", floor.slot, " AND range_to >= ", floor.to, ")");
  };
  return absl::StrCat("(SELECT COUNT(*) FROM ", AsAbsl(kWatermarkTable),
                      " WHERE pipeline = ", BytesSql(dialect, move.pipeline), " AND (",
                      absl::StrJoin(move.floors, " OR ", stands), ")) = ", move.floors.size());
}

using Moves = std::vector<const ProducerMove*>;

DatabaseError InsertProducers(SqlSession& session, const OwnTablesDialect& dialect,
                              std::string_view table, absl::Span<const ProducerMove* const> moves,
                              uint64_t* changed) {
  Parameters parameters(dialect);
  std::vector<std::string> rows;
  for (const ProducerMove* move : moves) {
    const std::string table_mark = parameters.Add(table);
    rows.push_back(absl::StrCat("(", table_mark, ", ", parameters.Add(move->producer_id), ", ",
                                move->after, ", CURRENT_TIMESTAMP)"));
  }
  return session.Change(absl::StrCat("INSERT INTO ", AsAbsl(kProducersTable),
                                     " (table_name, producer, last_sequence, updated_at) VALUES ",
                                     absl::StrJoin(rows, ", "), AsAbsl(dialect.insert_new_after)),
                        parameters.values(), changed);
}

DatabaseError UpdateProducers(SqlSession& session, const OwnTablesDialect& dialect,
                              std::string_view table, absl::Span<const ProducerMove* const> moves,
                              uint64_t* changed) {
  Parameters parameters(dialect);
  std::vector<std::string> rows;
  for (const ProducerMove* move : moves) {
    rows.push_back(absl::StrCat("SELECT ", parameters.Add(move->producer_id), " AS id, ",
                                move->before, " AS was, ", move->after, " AS becomes"));
  }
  const std::string moved = absl::StrCat("(", absl::StrJoin(rows, " UNION ALL "), ") AS m");
  const std::string set = " SET last_sequence = m.becomes, updated_at = CURRENT_TIMESTAMP";
  const std::string where = absl::StrCat(" WHERE p.table_name = ", parameters.Add(table),
                                         " AND p.producer = m.id AND p.last_sequence = m.was");
  const absl::string_view name = AsAbsl(kProducersTable);
  return session.Change(dialect.update_from
                            ? absl::StrCat("UPDATE ", name, " AS p", set, " FROM ", moved, where)
                            : absl::StrCat("UPDATE ", name, " AS p JOIN ", moved, set, where),
                        parameters.values(), changed);
}

// In chunks; `moved` stays true while each changes as many rows as it has.
template <typename Statement>
DatabaseError MoveInChunks(const Moves& moves, bool* moved, Statement&& statement) {
  for (size_t begin = 0; begin < moves.size() && *moved; begin += kProducersPerStatement) {
    const auto chunk = absl::MakeConstSpan(moves).subspan(begin, kProducersPerStatement);
    uint64_t changed = 0;
    DatabaseError error = statement(chunk, &changed);
    const bool is_taken = error.reason == RejectReason::kDuplicateKey;
    // No row of the plan is at fault here.
    if (error.error_class == ErrorClass::kRow) error.error_class = ErrorClass::kPause;
    if (!error.ok() && !is_taken) return error;
    *moved = !is_taken && changed == chunk.size();
  }
  return {};
}

}  // namespace

std::string MoveSlotSql(const OwnTablesDialect& dialect, const SlotMove& move) {
  const SlotRow& before = move.before;
  const SlotRow& after = move.after;
  const bool has_floors = dialect.update_looks_around && !move.floors.empty();
  return absl::StrCat(
      "UPDATE ", AsAbsl(kWatermarkTable), " SET range_from = ", after.from,
      ", range_to = ", after.to, ", frontier = ", after.frontier, ", attempt = ", after.attempt,
      ", ", SetTotals(dialect, after.totals),
      ", updated_at = CURRENT_TIMESTAMP WHERE pipeline = ", BytesSql(dialect, move.pipeline),
      " AND slot = ", before.slot, " AND epoch = ", before.epoch,
      " AND token = ", BytesSql(dialect, before.token), " AND range_from = ", before.from,
      " AND range_to = ", before.to,
      has_floors ? absl::StrCat(" AND ", FloorsStand(dialect, move)) : "");
}

DatabaseError CheckFloors(SqlSession& session, const OwnTablesDialect& dialect,
                          const SlotMove& move, bool* stand) {
  *stand = true;
  if (move.floors.empty()) return {};
  std::vector<TextRow> rows;
  DatabaseError error =
      session.Query(absl::StrCat("SELECT ", FloorsStand(dialect, move)), {}, &rows);
  *stand = rows.size() == 1 && rows[0].at(0) == "1";
  return error;
}

DatabaseError SetSlotTotals(SqlSession& session, const OwnTablesDialect& dialect,
                            const SlotMove& move) {
  uint64_t changed = 0;  // the row is locked
  return session.Change(absl::StrCat("UPDATE ", AsAbsl(kWatermarkTable), " SET ",
                                     SetTotals(dialect, move.after.totals),
                                     " WHERE pipeline = ", BytesSql(dialect, move.pipeline),
                                     " AND slot = ", move.after.slot),
                        {}, &changed);
}

absl::StatusOr<std::vector<SlotRow>> ReadSlotRows(SqlSession& session,
                                                  const OwnTablesDialect& dialect,
                                                  const Uuid& pipeline) {
  return QuerySlots(session, absl::StrCat(SelectSlots(dialect, pipeline), " ORDER BY slot"));
}

absl::Status RunClaim(SqlSession& session, const OwnTablesDialect& dialect,
                      const SlotClaim& claim) {
  DatabaseError error = session.BeginLocking();
  absl::Status status =
      error.ok() ? MoveClaimed(session, dialect, claim) : StatusOfError(error, "claiming");
  if (status.ok() && !session.InTransaction()) {
    status = absl::UnavailableError("claiming: the transaction ended before its commit");
  }
  if (status.ok()) status = CommitClaim(session);
  // After UNKNOWN nothing more is sent: the caller gives the connection up.
  if (!status.ok() && !absl::IsUnknown(status) && session.InTransaction()) session.Rollback();
  return status;
}

absl::StatusOr<Resolution> RunResolve(SqlSession& session, const OwnTablesDialect& dialect,
                                      const SlotMove& move) {
  if (DatabaseError error = session.BeginLocking(); !error.ok()) {
    if (session.InTransaction()) session.Rollback();
    return StatusOfError(error, "resolving a commit");
  }
  absl::StatusOr<std::vector<SlotRow>> rows =
      QuerySlots(session, absl::StrCat(SelectSlots(dialect, move.pipeline),
                                       " AND slot = ", move.before.slot, AsAbsl(dialect.lock)));
  if (session.InTransaction()) session.Rollback();
  if (!rows.ok()) return rows.status();
  return Judge(*rows, move);
}

absl::StatusOr<std::vector<ProducerMove>> ReadProducerRows(
    SqlSession& session, const OwnTablesDialect& dialect, const TableName& table,
    absl::Span<const std::string> producer_ids) {
  const std::string name = table.ToString();
  std::vector<ProducerMove> known;
  for (size_t begin = 0; begin < producer_ids.size(); begin += kProducersPerStatement) {
    Parameters parameters(dialect);
    const std::string table_mark = parameters.Add(name);
    std::vector<std::string> marks;
    for (const std::string& id : producer_ids.subspan(begin, kProducersPerStatement)) {
      marks.push_back(parameters.Add(id));
    }
    std::vector<TextRow> rows;
    DatabaseError error =
        session.Query(absl::StrCat("SELECT producer, last_sequence FROM ", AsAbsl(kProducersTable),
                                   " WHERE table_name = ", table_mark, " AND producer IN (",
                                   absl::StrJoin(marks, ", "), ")"),
                      parameters.values(), &rows);
    if (!error.ok()) return StatusOfError(error, "reading batchsql_producers");
    for (const TextRow& row : rows) {
      ProducerMove& move = known.emplace_back();
      move.producer_id = row.at(0).value_or("");
      if (!ParseNumber(row.at(1), &move.before)) {
        return absl::FailedPreconditionError("batchsql_producers holds a row that is not ours");
      }
      move.after = move.before;
    }
  }
  return known;
}

DatabaseError MoveProducerRows(SqlSession& session, const OwnTablesDialect& dialect,
                               const TableName& table, absl::Span<const ProducerMove> moves,
                               bool* moved) {
  Moves fresh;
  Moves known;
  for (const ProducerMove& move : moves) (move.before == 0 ? fresh : known).push_back(&move);
  // One order for everybody, so that two daemons do not wait for each other.
  const auto by_id = [](const ProducerMove* a, const ProducerMove* b) {
    return a->producer_id < b->producer_id;
  };
  std::sort(fresh.begin(), fresh.end(), by_id);
  std::sort(known.begin(), known.end(), by_id);
  const std::string name = table.ToString();
  *moved = true;
  DatabaseError error = MoveInChunks(known, moved, [&](const auto& chunk, uint64_t* changed) {
    return UpdateProducers(session, dialect, name, chunk, changed);
  });
  if (!error.ok()) return error;
  return MoveInChunks(fresh, moved, [&](const auto& chunk, uint64_t* changed) {
    return InsertProducers(session, dialect, name, chunk, changed);
  });
}

}  // namespace batchsql
