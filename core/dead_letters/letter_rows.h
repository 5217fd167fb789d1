#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rejection.h"

namespace batchsql {

enum class LetterState : uint8_t {
  kPending = 0,   // its flush has not committed, as far as is known; shown to nobody
  kLive = 1,      // its flush committed without it
  kReplayed = 2,  // written again, as a new row; kept until it is purged or its space is needed
};

// Which letters of a store are shown.
struct LetterQuery {
  uint64_t after_id = 0;
  uint32_t limit = 1000;
  std::optional<RejectReason> reason;
  bool replayed = false;  // these too
};

// Which letters of a store go: those that every member that is set names.
struct LetterSelection {
  std::vector<uint64_t> ids;               // empty: any
  std::optional<uint64_t> before_time_ms;  // refused before
  bool only_replayed = false;
};

// A row of the target's table batchsql_dead_letters (docs/watermark.md): live or replayed. Numbers
// fit a signed 64-bit integer.
struct LetterRow {
  uint64_t id = 0;
  LetterState state = LetterState::kLive;
  uint64_t time_ms = 0;
  RejectReason reason = RejectReason::kNone;
  std::string column;
  std::string code;
  std::string letter;  // AppendLetter's bytes, in base64

  // Of the budget: what it takes in the target, about.
  uint64_t bytes() const { return letter.size() + 256; }
  bool operator==(const LetterRow&) const = default;
};

// What a flush changes in batchsql_dead_letters, in the transaction of its rows.
struct LetterChanges {
  std::vector<LetterRow> added;
  std::vector<uint64_t> replayed;  // live until now; their rows are among the flush's

  bool empty() const { return added.empty() && replayed.empty(); }
};

// How many of a pipeline's letters in the target are alike.
struct LetterCount {
  LetterState state = LetterState::kLive;
  RejectReason reason = RejectReason::kNone;
  uint64_t count = 0;
  uint64_t bytes = 0;

  bool operator==(const LetterCount&) const = default;
};

struct LetterPage {
  std::vector<LetterRow> rows;  // ascending by id; fewer than the limit where they are large
  bool more = false;
};

}  // namespace batchsql
