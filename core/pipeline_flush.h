#pragma once

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
  bool order_tried = false;  // rows that miss what they refer to had their second chance
  bool order_due = false;    // they are to have it
};

}  // namespace batchsql
