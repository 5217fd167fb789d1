#pragma once

#include <vector>

#include "core/backoff.h"
#include "core/pipeline.h"

namespace batchsql {

// One batch on its way into the table, over all its attempts.
struct Pipeline::Flush {
  Batch batch;
  uint32_t slot = 0;
  TimePoint started;
  Backoff backoff;
  Backoff probes;
  int failures = 0;
  int unknown_errors = 0;
  bool order_tried = false;           // rows that miss what they refer to had their second chance
  bool order_due = false;             // they are to have it
  std::vector<ProducerRange> held{};  // producers that no other flush may take
  std::vector<ProducerMove> moves{};  // of the next attempt
  int producers_moved = 0;            // by others, how often
  uint64_t decisions_seen = 0;        // Decision::number at the last attempt
  bool was_connected = false;         // had a lease
};

}  // namespace batchsql
