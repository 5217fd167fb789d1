#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/dead_letters/letter_rows.h"
#include "core/names.h"
#include "core/uuid.h"
#include "executors/shared/own_tables.h"
#include "executors/shared/sql_session.h"

namespace batchsql {

// The target's table of dead letters (docs/watermark.md). Its SQL is the same for all databases.
inline constexpr std::string_view kLettersTable = "batchsql_dead_letters";

// Executor::CountLetters and ReadLetters, where the table exists. Outside a transaction.
absl::StatusOr<std::vector<LetterCount>> CountLetterRows(SqlSession& session,
                                                         const OwnTablesDialect& dialect,
                                                         const Uuid& pipeline);
absl::StatusOr<LetterPage> ReadLetterRows(SqlSession& session, const OwnTablesDialect& dialect,
                                          const Uuid& pipeline, const LetterQuery& query);
// Executor::PurgeLetters, where the table exists. After UNKNOWN the connection must be given up.
absl::StatusOr<uint64_t> RunPurge(SqlSession& session, const OwnTablesDialect& dialect,
                                  const Uuid& pipeline, const LetterSelection& selection);

// Makes the changes in the open transaction, or tells in `live` that a letter to be marked as
// replayed is not live.
DatabaseError ChangeLetterRows(SqlSession& session, const OwnTablesDialect& dialect,
                               const Uuid& pipeline, const TableName& table,
                               const LetterChanges& changes, bool* live);

}  // namespace batchsql
