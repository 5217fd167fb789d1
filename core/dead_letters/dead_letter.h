#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/dead_letters/letter_rows.h"
#include "core/names.h"
#include "core/producers.h"
#include "core/rejection.h"
#include "core/row_block.h"
#include "core/table_schema.h"
#include "core/uuid.h"
#include "core/value.h"

namespace batchsql {

// One cell of a dead letter, with its column as it was when the row was accepted.
struct LetterCell {
  std::string column;
  ColumnType type = ColumnType::kText;
  ColumnType element = ColumnType::kText;  // of an array
  bool is_null = false;
  uint64_t fixed = 0;  // types of fixed width, as in a RowBlock
  std::string bytes;   // the others

  bool operator==(const LetterCell&) const = default;
};

// A row that was accepted and that the database, or the table as it was altered since, refused.
struct DeadLetter {
  uint64_t id = 0;       // ascending, within one store; until it is kept, its row's LSN
  Uuid pipeline{};       // that accepted the row
  uint64_t attempt = 0;  // of the flush that left the row out (SlotRow::attempt); 0: unknown
  // Where the row came from: its request's first LSN, and its index in the request.
  Lsn first_lsn = 0;
  uint32_t row = 0;
  std::string producer_id;  // empty: of none
  uint64_t sequence = 0;
  uint64_t time_ms = 0;  // since 1970, when it was refused
  RejectReason reason = RejectReason::kNone;
  std::string column;  // empty: not told
  std::string code;    // the database's; empty: refused by validation against the altered table
  std::string detail;  // only of validation
  std::vector<LetterCell> cells;  // absent ones are left out

  bool operator==(const DeadLetter&) const = default;
};

struct KeptLetter {
  LetterState state = LetterState::kLive;
  DeadLetter letter;
};

// What is known of the row from its block and its request; the caller fills in the rest.
DeadLetter LetterOfRow(const RequestAnswer& request, const TableSchema& schema,
                       const RowBlock& block, uint32_t row);

// As the request's answer lists the row.
RowRejection RejectionOf(const DeadLetter& letter);
std::string RefusalDetail(std::string_view database_code);

// The cell as a client could have sent it. `elements` holds what a list points at.
Value LetterValue(const LetterCell& cell, std::vector<Value>* elements);

// "int64", "array of text".
std::string LetterTypeName(const LetterCell& cell);

// The producer that a letter's replay is written as: a repeated replay is a repeated request.
std::string ReplayProducer(const Uuid& pipeline, uint64_t letter_id);
inline constexpr std::string_view kReplayProducerPrefix = "dlq:";
// The letter that ReplayProducer was called for, by this pipeline; 0: none.
uint64_t ReplayedLetter(const Uuid& pipeline, std::string_view producer_id);

void AppendLetter(const DeadLetter& letter, std::string* bytes);
// DATA_LOSS: not such bytes.
absl::StatusOr<DeadLetter> ParseLetter(std::string_view bytes);

}  // namespace batchsql
