#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/random.h"
#include "cli/row_writer.h"

namespace batchsql::cli {

// Makes rows that depend on nothing but the workload and the seed; the first n rows of a longer run
// are those of a shorter one.
//
//   w      events(id, ts, user_id, name, amount, payload), ids ascending: what the speed of the
//          daemon is measured with
//   keys   counters(id, version, value, updated_at): a thousand keys, a few of them hot, updated
//          again and again
//   types  every type with its edges, NULLs, quotes, line breaks and characters of four bytes
class Generator {
 public:
  // INVALID_ARGUMENT for an unknown workload.
  static absl::StatusOr<Generator> Create(std::string_view workload, uint64_t seed,
                                          FileFormat format);

  static std::string WorkloadNames();

  void Header() { writer_->Header(); }
  void Row();
  // What has been written since the last Take.
  std::string& buffer() { return writer_->buffer(); }

 private:
  using MakeRow = void (*)(uint64_t index, Random& random, RowWriter& writer);
  struct Workload {
    std::string_view name;
    std::vector<std::string> columns;
    MakeRow make_row;
  };

  static const std::vector<Workload>& Workloads();

  Generator(MakeRow make_row, uint64_t seed, std::unique_ptr<RowWriter> writer);

  MakeRow make_row_;
  Random random_;
  std::unique_ptr<RowWriter> writer_;
  uint64_t index_ = 0;
};

}  // namespace batchsql::cli
