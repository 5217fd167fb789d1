#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/batcher.h"
#include "core/journal/group_buffer.h"
#include "core/row_block_builder.h"
#include "core/write_plan.h"
#include "executors/postgresql/copy_encoder.h"
#include "tests/bench/requests.h"

namespace batchsql::bench {

// Workload W's table as the executor for PostgreSQL describes it.
std::shared_ptr<const TableSchema> EventsTable(Conflict conflict = Conflict::kInsert);

// Rows of workload W, always the same.
std::vector<WorkloadRow> GeneratedRows(size_t rows);

// The rows as encoded requests.
std::vector<std::string> Messages(absl::Span<const WorkloadRow> rows, size_t rows_per_message,
                                  RequestForm form);

// What the daemon does with rows between the wire and the database, stage by stage. Keeps scratch
// memory from one call to the next, as the daemon does. Throws where a row is refused, which these
// rows are not. One thread.
class HotPath {
 public:
  explicit HotPath(std::shared_ptr<const TableSchema> schema) : schema_(std::move(schema)) {}

  RowBlock Decode(const std::string& message);
  // A request on its way, with the LSNs that follow those of the one before.
  QueuedBlock Queue(RowBlock rows);
  // One group of the journal with these requests, sealed: its bytes. The requests come back.
  uint64_t Seal(std::vector<QueuedBlock>& blocks);
  // All blocks through the queue into one batch.
  Batch Assemble(std::vector<QueuedBlock> blocks);
  WritePlan Plan(const Batch& batch) const;
  // As COPY BINARY: its bytes.
  uint64_t Encode(const WritePlan& plan);

 private:
  const std::shared_ptr<const TableSchema> schema_;
  RowBlockBuilder builder_;
  Lsn next_lsn_ = 1;
  GroupBuffer group_;
  postgresql::CopyEncoder encoder_;
};

}  // namespace batchsql::bench
