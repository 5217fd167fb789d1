#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/executor.h"
#include "core/ledger.h"
#include "core/names.h"

namespace batchsql {

// A pipeline's ledger beside what its target holds: docs/audit.md.
struct AuditReport {
  enum class Verdict : uint8_t {
    kOk,
    kMismatch,
    kUncounted,  // rows of the table are not those of the ledger one by one: nothing to compare
  };
  enum class Digest : uint8_t {
    kNone,     // the table is not declared exclusive
    kPartial,  // rows were committed while it was not
    kEqual,
    kDiffers,
  };
  Uuid pipeline{};
  IntakeTotals intake;
  SlotTotals ledger;
  Lsn frontier = 0;
  uint64_t rows = 0;     // of the table
  uint64_t missing = 0;  // fewer than the ledger's
  uint64_t extra = 0;    // more
  Digest digest = Digest::kNone;
  Verdict verdict = Verdict::kOk;
  std::vector<std::string> findings;  // for people; none where nothing is wrong
};

struct AuditRule {
  Conflict conflict = Conflict::kInsert;
  bool exclusive = false;
  bool numbers_all = true;  // a journal numbers without gaps: every LSN is committed once
};

// Compares what one snapshot of the target shows.
AuditReport JudgeContents(const TableContents& contents, const AuditRule& rule);

}  // namespace batchsql
