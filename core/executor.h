#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/rejection.h"
#include "core/table_schema.h"
#include "core/watermark.h"
#include "core/write_plan.h"

namespace batchsql {

// What an error of the database asks for; docs/errors.md tables the codes.
enum class ErrorClass : uint8_t {
  kNone,
  kRetry,      // the transaction, after a wait
  kReconnect,  // a new connection, then as kRetry
  kRow,        // a row's fault: isolate it
  kPause,      // a person must mend something; probe slowly until it works
  kFatal,      // the pipeline stops
  kUnknown,    // not in the table: a bounded number of retries, then as kPause
};

std::string_view ErrorClassName(ErrorClass error_class);

// An error, classified by its code, never by its text.
struct DatabaseError {
  ErrorClass error_class = ErrorClass::kNone;
  std::string code{};     // SQLSTATE, MySQL's error number or SQLite's extended code's name
  std::string message{};  // empty for kRow: a driver's text may quote the row's values
  RejectReason reason = RejectReason::kNone;  // kRow
  std::string column{};                       // kRow, where the database tells

  bool ok() const { return error_class == ErrorClass::kNone; }
};

// A row that the database refused while its neighbours were committed.
struct RowFailure {
  RowRef row;  // never one of plan.merged
  DatabaseError error;
};

// What became of one plan.
struct WriteOutcome {
  enum class Kind : uint8_t {
    kCommitted,      // all rows but `failures`
    kNotCommitted,   // nothing of it is in the table; `error` says why
    kInDoubt,        // COMMIT was handed over and its answer did not come: ask Resolve
    kFenced,         // nothing of it is in the table: the slot's row is no longer as it was left
    kProducerMoved,  // nothing of it is in the table: a producer's position is not as expected
    kLetterGone,     // nothing of it is in the table: a letter to be marked replayed is not live
  };
  Kind kind = Kind::kNotCommitted;
  DatabaseError error;
  // kCommitted and kInDoubt: the rows that the transaction left out.
  std::vector<RowFailure> failures;
  // Of plan.coalesced_rows, those that were not tried by themselves after all.
  uint64_t coalesced_rows = 0;
};

// A column to be created, as inferred from rows.
struct NewColumn {
  std::string name;
  ColumnType type = ColumnType::kText;
  bool in_key = false;  // part of the new table's primary key, hence NOT NULL

  bool operator==(const NewColumn&) const = default;
};

// What became of a commit that was in doubt.
enum class Resolution : uint8_t { kCommitted, kNotCommitted, kFenced };

// What a target holds of a table and of the pipeline that writes it, as of one moment.
struct TableContents {
  std::vector<SlotRow> slots;  // of the pipeline, ascending by slot
  uint64_t rows = 0;           // of the table
  RowDigest digest;            // of all of them; where it was asked for
};

// Keeps the rows that an attempt is about to leave out, durably, as that attempt's, or tells what
// the transaction itself must write of them. An error rolls the attempt back.
using KeepFailures =
    absl::FunctionRef<absl::Status(absl::Span<const RowFailure> failures, LetterChanges* changes)>;

// One connection to a target, opened when first needed and again after it was lost. One thread at a
// time. Drivers' exceptions end in the implementations.
class Executor {
 public:
  virtual ~Executor() = default;

  // Reads the table's columns and keys. NOT_FOUND: no such table. UNAVAILABLE: the database is out
  // of reach or busy, try again. FAILED_PRECONDITION: the table, or one of its columns, cannot be
  // written faithfully, or the rule does not fit it, or a person must mend something.
  virtual absl::StatusOr<TableSchema> Describe(const TableName& name, const WriteRule& rule) = 0;

  // Creates the table unless it exists. Commits whatever is open: never within Write. Errors as
  // Describe.
  virtual absl::Status CreateTable(const TableName& name, absl::Span<const NewColumn> columns) = 0;
  // Adds those of the columns that the table lacks, all nullable. Errors as Describe.
  virtual absl::Status AddColumns(const TableName& name, absl::Span<const NewColumn> columns) = 0;

  // The pipeline's rows of batchsql_watermark, ascending by slot; none where it never claimed.
  // Errors as Describe.
  virtual absl::StatusOr<std::vector<SlotRow>> ReadSlots(const Uuid& pipeline) = 0;
  // Makes the table batchsql_watermark where it is missing; then, in one transaction, locks the
  // pipeline's rows and moves them. ABORTED: they are not as expected, nothing was changed.
  // UNKNOWN: the answer to the commit did not come. Other errors as Describe; nothing was changed.
  virtual absl::Status Claim(const SlotClaim& claim) = 0;

  // Last committed sequence by producer, for the producers that batchsql_producers knows of. Makes
  // the table where it is missing. Errors as Describe.
  virtual absl::StatusOr<std::vector<ProducerMove>> ReadProducers(
      const TableName& table, absl::Span<const std::string> producer_ids) = 0;

  // The pipeline's letters in batchsql_dead_letters, in no order: how many, and how many bytes of
  // the budget. Makes the table where it is missing. Errors as Describe.
  virtual absl::StatusOr<std::vector<LetterCount>> CountLetters(const Uuid& pipeline) = 0;
  // Once the table is there. Errors as Describe.
  virtual absl::StatusOr<LetterPage> ReadLetters(const Uuid& pipeline,
                                                 const LetterQuery& query) = 0;
  // How many went. UNKNOWN: the answer to the commit did not come. Else as ReadLetters.
  virtual absl::StatusOr<uint64_t> PurgeLetters(const Uuid& pipeline,
                                                const LetterSelection& selection) = 0;

  // In one transaction, moves the slot's row, writes the plan but for the rows that the database
  // refuses, moves the producers, changes the letters, and lets `keep` keep the refused rows before
  // the commit. All of it or nothing. A plan without groups only moves the rows.
  virtual WriteOutcome Write(const WritePlan& plan, const FlushProgress& progress,
                             KeepFailures keep) = 0;

  // After kInDoubt, as often as it takes: ends the session that was lost, opens a new connection to
  // a server that can be written, locks the slot's row and looks which side of `move` it shows.
  // Errors as Describe.
  virtual absl::StatusOr<Resolution> Resolve(const SlotMove& move) = 0;

  // Counts the table's rows and reads the pipeline's slots in one snapshot; for `digest` it reads
  // every row. Takes as long as that takes. Errors as Describe.
  virtual absl::StatusOr<TableContents> ReadContents(const Uuid& pipeline,
                                                     const TableSchema& schema, bool digest) = 0;

  // A connection is open, as far as is known without asking.
  virtual bool connected() const = 0;
  // Closes the connection, if any; the next call opens a new one.
  virtual void Disconnect() = 0;
};

}  // namespace batchsql
