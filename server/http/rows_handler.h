#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/names.h"
#include "core/rejection.h"
#include "server/decode/json_rows.h"
#include "server/http/http_message.h"
#include "server/unary_write.h"

namespace batchsql {

// A request to write rows, as it came over HTTP; WriteRequest of the API.
struct RowsRequest {
  std::string table;
  std::optional<AckLevel> ack;  // absent: the table's default
  std::string producer_id;      // header X-Producer-Id; empty: none
  uint64_t sequence = 0;        // header X-Sequence; 0: none
  JsonForm form = JsonForm::kDocument;
  std::string body;
};

// Writes the rows, and returns when they reached the level asked for or their time is up. Errors
// are those of the API.
using WriteRows = std::function<absl::StatusOr<WriteAnswer>(RowsRequest)>;

// POST /v1/tables/{table}/rows?ack=memory|journal|database
class RowsHandler : public HttpHandler {
 public:
  explicit RowsHandler(WriteRows write) : write_(std::move(write)) {}
  std::optional<HttpResponse> CheckHead(const HttpRequest& head) override;
  HttpResponse Handle(HttpRequest request) override;

 private:
  const WriteRows write_;
};

}  // namespace batchsql
