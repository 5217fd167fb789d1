#include "executors/shared/letter_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "executors/shared/own_sql.h"

namespace batchsql {
namespace {

// Of one statement: databases limit parameters and the bytes of a statement.
constexpr size_t kLettersPerStatement = 100;
constexpr uint64_t kBytesPerStatement = uint64_t{512} << 10;
constexpr size_t kIdsPerStatement = 1'000;
constexpr uint64_t kPageBytes = uint64_t{16} << 20;

constexpr std::string_view kLive = "live";
constexpr std::string_view kReplayed = "replayed";

bool ParseState(const std::optional<std::string>& text, LetterState* state) {
  *state = text == kReplayed ? LetterState::kReplayed : LetterState::kLive;
  return text == kReplayed || text == kLive;
}

bool ParseReason(const std::optional<std::string>& text, RejectReason* reason) {
  for (uint8_t number = 0; number <= static_cast<uint8_t>(RejectReason::kDatabase); ++number) {
    *reason = static_cast<RejectReason>(number);
    if (text == RejectReasonName(*reason)) return true;
  }
  return false;
}

absl::Status NotOurs() {
  return absl::FailedPreconditionError("batchsql_dead_letters holds a row that is not ours");
}

std::string FromPipeline(const OwnTablesDialect& dialect, const Uuid& pipeline) {
  return absl::StrCat(" FROM ", AsAbsl(kLettersTable),
                      " WHERE pipeline = ", BytesSql(dialect, pipeline));
}

absl::StatusOr<std::vector<TextRow>> Select(SqlSession& session, const std::string& sql) {
  std::vector<TextRow> rows;
  DatabaseError error = session.Query(sql, {}, &rows);
  if (!error.ok()) return StatusOfError(error, "reading batchsql_dead_letters");
  return rows;
}

// The last id of the page; 0: it is empty.
absl::StatusOr<uint64_t> FindPageEnd(SqlSession& session, const std::string& from,
                                     const LetterQuery& query, bool* more) {
  const absl::StatusOr<std::vector<TextRow>> rows = Select(
      session,
      absl::StrCat("SELECT id, bytes", from, " ORDER BY id LIMIT ", uint64_t{query.limit} + 1));
  if (!rows.ok()) return rows.status();
  uint64_t last = 0;
  uint64_t page_bytes = 0;
  for (size_t i = 0; i < rows->size(); ++i) {
    *more = i == query.limit || page_bytes > kPageBytes;
    if (*more) break;
    uint64_t bytes = 0;
    if (!ParseNumber((*rows)[i].at(0), &last) || !ParseNumber((*rows)[i].at(1), &bytes)) {
      return NotOurs();
    }
    page_bytes += bytes;
  }
  return last;
}

DatabaseError InsertLetters(SqlSession& session, const OwnTablesDialect& dialect,
                            const std::string& pipeline, std::string_view table,
                            absl::Span<const LetterRow> letters) {
  Parameters parameters(dialect);
  std::vector<std::string> rows;
  for (const LetterRow& letter : letters) {
    const std::string table_mark = parameters.Add(table);
    const std::string reason = parameters.Add(RejectReasonName(letter.reason));
    const std::string column = parameters.Add(letter.column);
    const std::string code = parameters.Add(letter.code);
    rows.push_back(absl::StrCat("(", pipeline, ", ", letter.id, ", ", table_mark, ", 'live', ",
                                letter.time_ms, ", ", reason, ", ", column, ", ", code, ", ",
                                letter.bytes(), ", ", parameters.Add(letter.letter), ")"));
  }
  uint64_t added = 0;
  return session.Change(
      absl::StrCat("INSERT INTO ", AsAbsl(kLettersTable),
                   " (pipeline, id, table_name, state, time_ms, reason, column_name, code, bytes, "
                   "letter) VALUES ",
                   absl::StrJoin(rows, ", ")),
      parameters.values(), &added);
}

DatabaseError InsertAll(SqlSession& session, const OwnTablesDialect& dialect,
                        const std::string& pipeline, std::string_view table,
                        absl::Span<const LetterRow> letters) {
  while (!letters.empty()) {
    size_t count = 0;
    for (uint64_t bytes = 0; count < std::min(letters.size(), kLettersPerStatement); ++count) {
      bytes += letters[count].bytes();
      if (count > 0 && bytes > kBytesPerStatement) break;
    }
    DatabaseError error = InsertLetters(session, dialect, pipeline, table, letters.first(count));
    if (!error.ok()) return error;
    letters.remove_prefix(count);
  }
  return {};
}

DatabaseError MarkReplayed(SqlSession& session, const std::string& pipeline,
                           absl::Span<const uint64_t> ids, bool* live) {
  for (*live = true; !ids.empty() && *live;
       ids.remove_prefix(std::min(ids.size(), kIdsPerStatement))) {
    const auto chunk = ids.first(std::min(ids.size(), kIdsPerStatement));
    uint64_t changed = 0;
    DatabaseError error = session.Change(
        absl::StrCat("UPDATE ", AsAbsl(kLettersTable), " SET state = 'replayed' WHERE pipeline = ",
                     pipeline, " AND state = 'live' AND id IN (", absl::StrJoin(chunk, ", "), ")"),
        {}, &changed);
    if (!error.ok()) return error;
    *live = changed == chunk.size();
  }
  return {};
}

// Deletes in the open transaction, which the caller ends.
DatabaseError DeleteLetters(SqlSession& session, const OwnTablesDialect& dialect,
                            const Uuid& pipeline, const LetterSelection& selection,
                            uint64_t* purged) {
  std::string sql = absl::StrCat("DELETE", FromPipeline(dialect, pipeline));
  if (selection.only_replayed) absl::StrAppend(&sql, " AND state = 'replayed'");
  if (selection.before_time_ms.has_value()) {
    absl::StrAppend(&sql, " AND time_ms < ", *selection.before_time_ms);
  }
  if (selection.ids.empty()) return session.Change(sql, {}, purged);
  for (absl::Span<const uint64_t> ids = selection.ids; !ids.empty();
       ids.remove_prefix(std::min(ids.size(), kIdsPerStatement))) {
    const auto chunk = ids.first(std::min(ids.size(), kIdsPerStatement));
    uint64_t changed = 0;
    DatabaseError error = session.Change(
        absl::StrCat(sql, " AND id IN (", absl::StrJoin(chunk, ", "), ")"), {}, &changed);
    if (!error.ok()) return error;
    *purged += changed;
  }
  return {};
}

}  // namespace

absl::StatusOr<std::vector<LetterCount>> CountLetterRows(SqlSession& session,
                                                         const OwnTablesDialect& dialect,
                                                         const Uuid& pipeline) {
  const absl::StatusOr<std::vector<TextRow>> rows =
      Select(session, absl::StrCat("SELECT state, reason, COUNT(*), SUM(bytes)",
                                   FromPipeline(dialect, pipeline), " GROUP BY state, reason"));
  if (!rows.ok()) return rows.status();
  std::vector<LetterCount> counts;
  for (const TextRow& row : *rows) {
    LetterCount& count = counts.emplace_back();
    if (!ParseState(row.at(0), &count.state) || !ParseReason(row.at(1), &count.reason) ||
        !ParseNumber(row.at(2), &count.count) || !ParseNumber(row.at(3), &count.bytes)) {
      return NotOurs();
    }
  }
  return counts;
}

absl::StatusOr<LetterPage> ReadLetterRows(SqlSession& session, const OwnTablesDialect& dialect,
                                          const Uuid& pipeline, const LetterQuery& query) {
  std::string from = absl::StrCat(FromPipeline(dialect, pipeline), " AND id > ", query.after_id);
  if (!query.replayed) absl::StrAppend(&from, " AND state = 'live'");
  if (query.reason.has_value()) {
    absl::StrAppend(&from, " AND reason = '", AsAbsl(RejectReasonName(*query.reason)), "'");
  }
  LetterPage page;
  const absl::StatusOr<uint64_t> last = FindPageEnd(session, from, query, &page.more);
  if (!last.ok()) return last.status();
  const absl::StatusOr<std::vector<TextRow>> rows =
      Select(session, absl::StrCat("SELECT id, state, time_ms, reason, column_name, code, letter",
                                   from, " AND id <= ", *last, " ORDER BY id"));
  if (!rows.ok()) return rows.status();
  for (const TextRow& cells : *rows) {
    LetterRow& row = page.rows.emplace_back();
    if (!ParseNumber(cells.at(0), &row.id) || !ParseState(cells.at(1), &row.state) ||
        !ParseNumber(cells.at(2), &row.time_ms) || !ParseReason(cells.at(3), &row.reason)) {
      return NotOurs();
    }
    row.column = cells.at(4).value_or("");
    row.code = cells.at(5).value_or("");
    row.letter = cells.at(6).value_or("");
  }
  return page;
}

absl::StatusOr<uint64_t> RunPurge(SqlSession& session, const OwnTablesDialect& dialect,
                                  const Uuid& pipeline, const LetterSelection& selection) {
  constexpr std::string_view kDoing = "removing dead letters";
  uint64_t purged = 0;
  DatabaseError error = session.BeginLocking();
  if (error.ok()) error = DeleteLetters(session, dialect, pipeline, selection, &purged);
  if (!error.ok() || !session.InTransaction()) {
    if (session.InTransaction()) session.Rollback();
    if (error.ok()) return absl::UnavailableError("the transaction ended before its commit");
    return StatusOfError(error, kDoing);
  }
  const SqlSession::CommitResult result = session.Commit();
  if (result.kind == WriteOutcome::Kind::kCommitted) return purged;
  if (result.kind == WriteOutcome::Kind::kInDoubt) {
    return absl::UnknownError("removing dead letters: the commit was not answered");
  }
  if (session.InTransaction()) session.Rollback();
  return StatusOfError(result.error, kDoing);
}

DatabaseError ChangeLetterRows(SqlSession& session, const OwnTablesDialect& dialect,
                               const Uuid& pipeline, const TableName& table,
                               const LetterChanges& changes, bool* live) {
  const std::string id = BytesSql(dialect, pipeline);
  DatabaseError error = MarkReplayed(session, id, changes.replayed, live);
  if (error.ok() && *live) {
    error = InsertAll(session, dialect, id, table.ToString(), changes.added);
  }
  // No row of the plan is at fault here.
  if (error.error_class == ErrorClass::kRow) error.error_class = ErrorClass::kPause;
  return error;
}

}  // namespace batchsql
