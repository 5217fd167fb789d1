#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/executor.h"
#include "core/table_schema.h"
#include "core/write_plan.h"

namespace batchsql {

// Tells cheaply whether tables are still as rows were checked against: remembers for each schema in
// which form, a text that the database makes of a table's definition, the table was seen last, and
// describes the table again only where that is another. Belongs to one connection and its thread,
// and ends with it.
class SeenSchemas {
 public:
  // Describes the table in the open transaction; an error of the database goes to `error`.
  using Describe = absl::FunctionRef<absl::StatusOr<TableSchema>(DatabaseError* error)>;

  // Pauses with kSchemaChangedCode where a column that rows of the plan carry is another now. The
  // table must be locked against ALTER until the transaction ends.
  DatabaseError Check(const WritePlan& plan, std::string form, Describe describe);

 private:
  struct Seen {
    std::weak_ptr<const TableSchema> schema;
    std::string form;
    std::vector<uint16_t> changed;  // columns of the schema
  };

  absl::flat_hash_map<const TableSchema*, Seen> seen_;
};

}  // namespace batchsql
