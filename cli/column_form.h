#pragma once

#include <cstdint>
#include <vector>

#include "batchsql/v1/ingest.pb.h"
#include "cli/cell_kind.h"
#include "cli/chunk.h"

namespace batchsql::cli {

// Turns the columns of text of the message into the typed form that `plan` says, and integers into
// doubles where it says so. A column with a cell that does not parse strictly stays as it is: the
// server then tells which row is at fault. Nothing is done to a message of rows.
void ApplyPlan(const ColumnPlan& plan, v1::WriteStreamRequest* request);

// Guesses the plan for a table that does not exist yet, from the first rows of the file: bool
// (true, false), int64, double, date, timestamp, else text. Every value of the column in `chunks`
// must agree. Numbers with leading zeros or a plus are text (codes, telephone numbers), and so are
// numbers that a double would round. With `from_json`, text stays text unless it is dates or
// timestamps: the file itself says what is a number.
ColumnPlan InferPlan(const std::vector<Chunk>& chunks, bool from_json);

}  // namespace batchsql::cli
