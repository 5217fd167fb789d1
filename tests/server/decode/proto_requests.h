#pragma once

#include <random>
#include <string>
#include <vector>

#include "batchsql/v1/ingest.pb.h"
#include "core/row_block_builder.h"
#include "server/decode/row_source.h"

namespace batchsql {

// A table with a column of every type that the proto's kinds fit.
TableSchema EveryTypeTable();

// Random requests for that table: mostly good cells, some absent, NULL, of another kind or bad.
v1::Rows RandomRows(std::mt19937& random, int rows);
v1::Columns RandomColumns(std::mt19937& random, int rows);

// What a request became: the rows and refusals, or the status, as text.
struct Decoded {
  absl::Status status;
  std::vector<std::string> rows;
  std::vector<std::string> rejected;
  bool operator==(const Decoded& other) const {
    return status == other.status && rows == other.rows && rejected == other.rejected;
  }
};
Decoded DecodeBytes(const TableSchema& schema, const std::string& write_request,
                    const RequestLimits& limits = {});

// The same by way of the generated classes, cell by cell; the request must be well-formed.
Decoded DecodeMessage(const TableSchema& schema, const v1::WriteRequest& request);

}  // namespace batchsql
