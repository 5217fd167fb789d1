#include "executors/postgresql/link.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/strings.h"
#include "executors/postgresql/errors.h"

namespace batchsql::postgresql {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr int64_t kConnectTimeoutSeconds = 10;  // where the DSN asks to wait for ever

struct Default {
  const char* keyword;
  const char* value;
};

// A peer that is gone without a word is noticed within a minute.
constexpr Default kDefaults[] = {
    {"keepalives", "1"},           {"keepalives_idle", "30"},
    {"keepalives_interval", "10"}, {"keepalives_count", "3"},
    {"tcp_user_timeout", "30000"}, {"fallback_application_name", "batchsqld"},
};

using Keywords = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

Keywords ParseKeywords(const std::string& text) {
  char* message = nullptr;
  Keywords keywords(PQconninfoParse(text.c_str(), &message), &PQconninfoFree);
  PQfreemem(message);
  return keywords;
}

// libpq could not read the text: null. The value is null where the text does not give it.
const char* Find(const Keywords& keywords, std::string_view keyword) {
  for (const PQconninfoOption* option = keywords.get(); option->keyword != nullptr; ++option) {
    if (option->keyword == keyword) return option->val;
  }
  return nullptr;
}

void AppendKeyword(std::string* out, std::string_view keyword, std::string_view value) {
  absl::StrAppend(out, out->empty() ? "" : " ", AsAbsl(keyword), "='",
                  absl::StrReplaceAll(AsAbsl(value), {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::chrono::seconds ConnectTimeout(const std::string& connection_string) {
  const Keywords keywords = ParseKeywords(connection_string);
  int64_t seconds = 0;
  const char* value = keywords == nullptr ? nullptr : Find(keywords, "connect_timeout");
  if (value == nullptr || !absl::SimpleAtoi(value, &seconds) || seconds <= 0) {
    seconds = kConnectTimeoutSeconds;
  }
  return std::chrono::seconds(seconds);
}

// Thrown by the policy, through libpqxx, to Link::Open.
class ConnectFailure : public pqxx::broken_connection {
 public:
  explicit ConnectFailure(DatabaseError error)
      : pqxx::broken_connection(error.message), error_(std::move(error)) {}
  const DatabaseError& error() const { return error_; }

 private:
  DatabaseError error_;
};

[[noreturn]] void ThrowConnectFailure(std::string_view message) {
  const std::string_view first_line = message.substr(0, message.find('\n'));
  const std::string_view code = SqlStateInConnectError(first_line);
  throw ConnectFailure(code.empty() ? MakeConnectionError(kConnectionLostCode, first_line)
                                    : MakeServerError(code, first_line, "", false));
}

// False at the deadline.
bool WaitForSocket(const PGconn* connection, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd socket{PQsocket(connection), events, 0};
    const int ready = poll(&socket, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Drives the connection attempt. Not PQconnectdb: that has no verbosity, so no SQLSTATE, and limits
// each address's attempt, not the whole.
void FinishConnecting(PGconn* connection, Deadline deadline) {
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) ThrowConnectFailure(PQerrorMessage(connection));
    const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!WaitForSocket(connection, events, deadline)) {
      throw ConnectFailure(MakeConnectionError(kTimeoutCode, "no connection in time"));
    }
    status = PQconnectPoll(connection);
  }
}

// Opens the connection for libpqxx and keeps its handle for COPY.
class KeepingPolicy : public pqxx::connectionpolicy {
 public:
  explicit KeepingPolicy(const std::string& text) : pqxx::connectionpolicy(text) {}

  handle do_startconnect(handle original) override {
    if (original != nullptr) return original;
    const Deadline deadline = std::chrono::steady_clock::now() + ConnectTimeout(options());
    std::unique_ptr<PGconn, decltype(&PQfinish)> fresh(PQconnectStart(options().c_str()),
                                                       &PQfinish);
    if (fresh == nullptr) throw std::bad_alloc();
    if (PQstatus(fresh.get()) == CONNECTION_BAD) ThrowConnectFailure(PQerrorMessage(fresh.get()));
    PQsetErrorVerbosity(fresh.get(), PQERRORS_VERBOSE);
    FinishConnecting(fresh.get(), deadline);
    PQsetErrorVerbosity(fresh.get(), PQERRORS_TERSE);
    kept_ = fresh.release();
    return kept_;
  }

  handle kept() const { return kept_; }

 private:
  handle kept_ = nullptr;
};

}  // namespace

// What pqxx::connection is, with our policy within reach.
class Link::Pqxx : public pqxx::connection_base {
 public:
  explicit Pqxx(const std::string& text) : pqxx::connection_base(policy_), policy_(text) {
    init();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    // A connection that came back by itself would be outside our transaction.
    inhibit_reactivation(true);
#pragma GCC diagnostic pop
  }
  ~Pqxx() { close(); }

  PGconn* handle() const { return policy_.kept(); }

 private:
  KeepingPolicy policy_;
};

Link::Link(std::unique_ptr<Pqxx> pqxx) : pqxx_(std::move(pqxx)) {}
Link::~Link() = default;

pg_conn* Link::handle() const { return pqxx_->handle(); }

DatabaseError Link::Open(const std::string& connection_string, std::unique_ptr<Link>* opened) {
  try {
    opened->reset(new Link(std::make_unique<Pqxx>(connection_string)));
    return {};
  } catch (const ConnectFailure& failure) {
    return failure.error();
  } catch (const std::exception& error) {
    return MakeConnectionError(kConnectionLostCode, error.what());
  }
}

absl::StatusOr<std::string> ConnectionString(const std::string& dsn, int64_t connect_timeout_ms) {
  const Keywords keywords = ParseKeywords(dsn);
  if (keywords == nullptr)
    return absl::InvalidArgumentError("the DSN is not one that libpq can read");
  std::string text;
  for (const PQconninfoOption* option = keywords.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || std::string_view(option->keyword) == "client_encoding") continue;
    AppendKeyword(&text, option->keyword, option->val);
  }
  AppendKeyword(&text, "client_encoding", "UTF8");
  for (const Default& entry : kDefaults) {
    if (Find(keywords, entry.keyword) == nullptr) AppendKeyword(&text, entry.keyword, entry.value);
  }
  if (Find(keywords, "connect_timeout") == nullptr) {
    const int64_t seconds = std::max<int64_t>(1, (connect_timeout_ms + 999) / 1000);
    AppendKeyword(&text, "connect_timeout", absl::StrCat(seconds));
  }
  return text;
}

std::string_view SqlStateInConnectError(std::string_view message) {
  constexpr size_t kCodeChars = 5;
  constexpr std::string_view kBefore = ":  ";
  for (size_t at = message.find(kBefore); at != std::string_view::npos;
       at = message.find(kBefore, at + 1)) {
    const std::string_view code = message.substr(at + kBefore.size(), kCodeChars);
    const std::string_view after =
        message.substr(std::min(message.size(), at + kBefore.size() + kCodeChars));
    const bool is_code =
        code.size() == kCodeChars && std::all_of(code.begin(), code.end(), [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        });
    if (is_code && (after.empty() || after.front() == ':')) return code;
  }
  return {};
}

}  // namespace batchsql::postgresql
