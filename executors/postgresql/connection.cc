#include "executors/postgresql/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "executors/postgresql/errors.h"

namespace batchsql::postgresql {
namespace {

int MillisecondsUntil(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

std::string_view Field(const pg_result* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace

void FreeResult::operator()(pg_result* result) const { PQclear(result); }

std::string_view CellText(const Result& result, int row, int column) {
  return {PQgetvalue(result.get(), row, column),
          static_cast<size_t>(PQgetlength(result.get(), row, column))};
}

bool CellIsNull(const Result& result, int row, int column) {
  return PQgetisnull(result.get(), row, column) != 0;
}

int RowCount(const Result& result) { return PQntuples(result.get()); }
int ColumnCount(const Result& result) { return PQnfields(result.get()); }
uint64_t AffectedRows(const Result& result) {
  const std::string_view count = PQcmdTuples(result.get());
  uint64_t rows = 0;
  std::from_chars(count.data(), count.data() + count.size(), rows);
  return rows;
}
uint32_t ColumnTypeOid(const Result& result, int column) { return PQftype(result.get(), column); }
int32_t ColumnTypeModifier(const Result& result, int column) {
  return PQfmod(result.get(), column);
}

DatabaseError Connection::Open(const std::string& dsn, int64_t connect_timeout_ms,
                               int64_t answer_timeout_ms, std::unique_ptr<Connection>* opened) {
  const absl::StatusOr<std::string> text = ConnectionString(dsn, connect_timeout_ms);
  if (!text.ok()) {
    return {ErrorClass::kPause, "dsn", std::string(text.status().message()), {}, {}};
  }
  std::unique_ptr<Link> link;
  if (DatabaseError error = Link::Open(*text, &link); !error.ok()) return error;
  opened->reset(new Connection(std::move(link), answer_timeout_ms));
  return {};
}

Connection::Connection(std::unique_ptr<Link> link, int64_t answer_timeout_ms)
    : link_(std::move(link)), conn_(link_->handle()), answer_timeout_ms_(answer_timeout_ms) {
  PQsetnonblocking(conn_, 1);
  // A notice may quote a row (a trigger's RAISE NOTICE): none is shown.
  PQsetNoticeReceiver(
      conn_, [](void*, const PGresult*) {}, nullptr);
}

Connection::~Connection() = default;

bool Connection::IsAlive() const { return !timed_out_ && PQstatus(conn_) == CONNECTION_OK; }

bool Connection::InTransaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(conn_);
  return IsAlive() && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
}

bool Connection::InGoodTransaction() const {
  return IsAlive() && PQtransactionStatus(conn_) == PQTRANS_INTRANS;
}

bool Connection::IsIdle() const { return IsAlive() && PQtransactionStatus(conn_) == PQTRANS_IDLE; }

Connection::Deadline Connection::NewDeadline() const {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(answer_timeout_ms_);
}

DatabaseError Connection::LostError() {
  if (timed_out_) {
    return MakeConnectionError(kTimeoutCode,
                               absl::StrCat("no answer within ", answer_timeout_ms_, " ms"));
  }
  return MakeConnectionError(kConnectionLostCode, PQerrorMessage(conn_));
}

// Whether the connection stands is judged after the answer has been read to its end.
DatabaseError Connection::ErrorOf(const Result& result) const {
  const std::string_view code = Field(result.get(), PG_DIAG_SQLSTATE);
  if (code.empty()) return MakeConnectionError(kConnectionLostCode, PQerrorMessage(conn_));
  const std::string_view message = MessageOutsideFunctions(
      Field(result.get(), PG_DIAG_MESSAGE_PRIMARY), Field(result.get(), PG_DIAG_CONTEXT));
  return MakeServerError(code, message, Field(result.get(), PG_DIAG_COLUMN_NAME), IsAlive());
}

bool Connection::WaitForSocket(bool for_write, Deadline deadline) {
  pollfd socket{PQsocket(conn_), static_cast<short>(POLLIN | (for_write ? POLLOUT : 0)), 0};
  while (socket.fd >= 0) {
    const int left_ms = MillisecondsUntil(deadline);
    const int ready = poll(&socket, 1, left_ms);
    if (ready > 0) return true;
    if (ready == 0 && left_ms == 0) break;
    if (ready < 0 && errno != EINTR) break;
  }
  timed_out_ = socket.fd >= 0;
  return false;
}

// The server may be sending while we are: reading it keeps both from waiting for each other.
bool Connection::FlushOutput(Deadline deadline) {
  for (;;) {
    const int left = PQflush(conn_);
    if (left <= 0) return left == 0;
    if (!WaitForSocket(true, deadline)) return false;
    if (PQconsumeInput(conn_) == 0) return false;
  }
}

DatabaseError Connection::Next(Deadline deadline, Result* result) {
  while (PQisBusy(conn_) != 0) {
    if (!WaitForSocket(false, deadline)) return LostError();
    if (PQconsumeInput(conn_) == 0) break;  // PQgetResult then makes the error's result
  }
  result->reset(PQgetResult(conn_));
  return {};
}

DatabaseError Connection::Collect(std::vector<Result>* results) {
  if (!FlushOutput(NewDeadline()) && timed_out_) return LostError();
  Result failed;
  for (;;) {
    Result result;
    // The server times each of several statements by itself.
    if (DatabaseError error = Next(NewDeadline(), &result); !error.ok()) return error;
    if (result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      // The first error is the cause; a lost connection may add another.
      if (failed == nullptr) failed = std::move(result);
      continue;
    }
    if (results != nullptr) results->push_back(std::move(result));
    if (status == PGRES_COPY_IN) break;
  }
  return failed == nullptr ? DatabaseError() : ErrorOf(failed);
}

DatabaseError Connection::SendFailed() {
  if (IsAlive()) {
    return {ErrorClass::kUnknown, "send", PQerrorMessage(conn_), {}, {}};
  }
  return LostError();
}

DatabaseError Connection::Run(const std::string& sql, std::vector<Result>* results) {
  if (PQsendQuery(conn_, sql.c_str()) == 0) return SendFailed();
  return Collect(results);
}

DatabaseError Connection::RunForTag(const std::string& sql, std::string* tag) {
  std::vector<Result> results;
  DatabaseError error = Run(sql, &results);
  if (!results.empty()) *tag = PQcmdStatus(results.back().get());
  return error;
}

DatabaseError Connection::Query(const std::string& sql,
                                absl::Span<const std::string_view> parameters, Result* result) {
  const std::vector<std::string> texts(parameters.begin(), parameters.end());
  std::vector<const char*> values;
  values.reserve(texts.size());
  for (const std::string& text : texts) values.push_back(text.c_str());
  if (PQsendQueryParams(conn_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                        nullptr, nullptr, 0) == 0) {
    return SendFailed();
  }
  std::vector<Result> results;
  DatabaseError error = Collect(&results);
  if (error.ok()) *result = std::move(results.front());
  return error;
}

DatabaseError Connection::QueryBinary(const std::string& sql, absl::Span<const uint32_t> types,
                                      absl::Span<const std::string_view> parameters) {
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const std::string_view parameter : parameters) {
    values.push_back(parameter.data());
    lengths.push_back(static_cast<int>(parameter.size()));
  }
  const std::vector<int> formats(parameters.size(), 1);
  if (PQsendQueryParams(conn_, sql.c_str(), static_cast<int>(values.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), 0) == 0) {
    return SendFailed();
  }
  return Collect(nullptr);
}

// What the last piece left in libpq's buffer is sent first, so that the server works on it while
// the next piece is encoded, and the buffer stays small.
bool Connection::PutCopy(std::string_view piece) {
  if (!FlushOutput(NewDeadline())) return false;
  if (PQputCopyData(conn_, piece.data(), static_cast<int>(piece.size())) != 1) return false;
  return PQflush(conn_) >= 0;
}

DatabaseError Connection::EndCopy(uint64_t* rows) {
  if (timed_out_) return LostError();
  // Fails when the server has already ended the COPY with an error, which Collect then finds.
  PQputCopyEnd(conn_, nullptr);
  std::vector<Result> results;
  if (DatabaseError error = Collect(&results); !error.ok()) return error;
  if (results.empty()) return LostError();
  *rows = AffectedRows(results.front());
  return {};
}

void Connection::RefuseCopy() {
  PQputCopyEnd(conn_, "refused");
  static_cast<void>(Collect(nullptr));  // the error that was asked for
}

}  // namespace batchsql::postgresql
