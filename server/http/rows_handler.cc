#include "server/http/rows_handler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/json_text.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace batchsql {
namespace {

constexpr size_t kNameBytesMax = 255;  // of a table and of a producer, as in the API

// nullopt: the table's default.
absl::StatusOr<std::optional<AckLevel>> ParseAck(const HttpRequest& request) {
  std::optional<AckLevel> ack;
  for (const auto& [name, value] : request.query) {
    if (name != "ack") {
      return absl::InvalidArgumentError("a query parameter other than \"ack\"");
    }
    if (ack.has_value()) return absl::InvalidArgumentError("\"ack\" twice");
    if (value == "memory") {
      ack = AckLevel::kMemory;
    } else if (value == "journal") {
      ack = AckLevel::kJournal;
    } else if (value == "database") {
      ack = AckLevel::kDatabase;
    } else {
      return absl::InvalidArgumentError("\"ack\" must be memory, journal or database");
    }
  }
  return ack;
}

// The media type without its parameters. A charset other than UTF-8 is not looked for: the body is
// checked.
std::string MediaType(const HttpRequest& request) {
  const std::string* header = request.FindHeader("Content-Type");
  if (header == nullptr) return "";
  const absl::string_view type = absl::string_view(*header).substr(0, header->find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(type));
}

bool IsLines(const std::string& media_type) {
  return media_type == "application/x-ndjson" || media_type == "application/ndjson";
}

absl::Status ReadProducer(const HttpRequest& request, RowsRequest* rows) {
  if (const std::string* producer = request.FindHeader("X-Producer-Id"); producer != nullptr) {
    if (producer->size() > kNameBytesMax || !InspectUtf8(*producer).valid) {
      return absl::InvalidArgumentError("X-Producer-Id must be UTF-8 of at most 255 bytes");
    }
    rows->producer_id = *producer;
  }
  if (const std::string* sequence = request.FindHeader("X-Sequence"); sequence != nullptr) {
    const bool digits = std::all_of(sequence->begin(), sequence->end(), [](char c) {
      return absl::ascii_isdigit(static_cast<unsigned char>(c));
    });
    if (!digits || !absl::SimpleAtoi(*sequence, &rows->sequence)) {
      return absl::InvalidArgumentError("X-Sequence must be an unsigned integer of 64 bits");
    }
  }
  return absl::OkStatus();
}

// All of the request but its body.
absl::StatusOr<RowsRequest> ReadHead(const HttpRequest& request) {
  RowsRequest rows;
  rows.table = request.captures.front();
  if (rows.table.size() > kNameBytesMax || !InspectUtf8(rows.table).valid) {
    return absl::InvalidArgumentError("the table's name must be UTF-8 of at most 255 bytes");
  }
  absl::StatusOr<std::optional<AckLevel>> ack = ParseAck(request);
  if (!ack.ok()) return ack.status();
  rows.ack = *ack;
  rows.form = IsLines(MediaType(request)) ? JsonForm::kLines : JsonForm::kDocument;
  if (absl::Status status = ReadProducer(request, &rows); !status.ok()) return status;
  return rows;
}

HttpResponse AnswerResponse(const WriteAnswer& answer) {
  std::string body = absl::StrCat("{\"accepted\":", answer.accepted, ",\"rejected\":[");
  for (const RowRejection& rejection : answer.rejected) {
    absl::StrAppend(&body, &rejection == &answer.rejected.front() ? "" : ",",
                    "{\"row\":", rejection.row, ",\"field\":");
    AppendJsonString(rejection.field, &body);
    body += ",\"reason\":";
    AppendJsonString(RejectReasonName(rejection.reason), &body);
    body += ",\"detail\":";
    AppendJsonString(rejection.detail, &body);
    body += '}';
  }
  body += "]}\n";
  return JsonResponse(200, std::move(body));
}

}  // namespace

std::optional<HttpResponse> RowsHandler::CheckHead(const HttpRequest& head) {
  const std::string media_type = MediaType(head);
  if (media_type != "application/json" && !IsLines(media_type)) {
    return ErrorResponse(415, "INVALID_ARGUMENT",
                         "Content-Type must be application/json or application/x-ndjson");
  }
  const absl::StatusOr<RowsRequest> rows = ReadHead(head);
  if (!rows.ok()) return ErrorResponse(rows.status());
  return std::nullopt;
}

HttpResponse RowsHandler::Handle(HttpRequest request) {
  absl::StatusOr<RowsRequest> rows = ReadHead(request);
  if (!rows.ok()) return ErrorResponse(rows.status());
  rows->body = std::move(request.body);
  const absl::StatusOr<WriteAnswer> answer = write_(*std::move(rows));
  return answer.ok() ? AnswerResponse(*answer) : ErrorResponse(answer.status());
}

}  // namespace batchsql
