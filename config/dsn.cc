#include "config/dsn.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr std::string_view kMask = "***";

// Parameters of libpq and of our MySQL DSNs that are no secret.
bool IsHarmless(std::string_view key) {
  static constexpr std::string_view kHarmless[] = {"host",
                                                   "hostaddr",
                                                   "port",
                                                   "dbname",
                                                   "user",
                                                   "sslmode",
                                                   "connect_timeout",
                                                   "sslrootcert",
                                                   "sslcert",
                                                   "application_name",
                                                   "socket",
                                                   "ssl_mode",
                                                   "ssl_ca",
                                                   "ssl_capath",
                                                   "ssl_cert",
                                                   "gssencmode",
                                                   "channel_binding",
                                                   "keepalives",
                                                   "client_encoding",
                                                   "target_session_attrs",
                                                   "tcp_user_timeout",
                                                   "keepalives_idle",
                                                   "keepalives_interval",
                                                   "keepalives_count"};
  return absl::c_linear_search(kHarmless, key);
}

bool IsPostgresqlUri(std::string_view dsn) {
  return dsn.starts_with("postgresql://") || dsn.starts_with("postgres://");
}

bool IsMysqlUri(std::string_view dsn) {
  return dsn.starts_with("mysql://") || dsn.starts_with("mariadb://");
}

// key=value&key=value
std::string MaskParameters(std::string_view parameters) {
  std::vector<std::string> shown;
  for (const absl::string_view parameter : absl::StrSplit(AsAbsl(parameters), '&')) {
    const size_t equals = parameter.find('=');
    if (equals == absl::string_view::npos) {
      shown.emplace_back(kMask);
    } else if (IsHarmless(AsStd(parameter.substr(0, equals)))) {
      shown.emplace_back(parameter);
    } else {
      shown.push_back(absl::StrCat(parameter.substr(0, equals), "=", AsAbsl(kMask)));
    }
  }
  return absl::StrJoin(shown, "&");
}

// scheme://user:password@host:port/database?parameters. A password that holds an unescaped '@', '/'
// or '?' is wrong, but no reason to show it: the password ends at the last '@' of all.
std::string MaskUri(std::string_view dsn) {
  const size_t start = dsn.find("://") + 3;
  std::string out(dsn.substr(0, start));
  std::string_view rest = dsn.substr(start);
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const size_t colon = credentials.find(':');
    out += credentials.substr(0, colon);
    if (colon != std::string_view::npos) absl::StrAppend(&out, ":", AsAbsl(kMask));
    out += '@';
    rest.remove_prefix(at + 1);
  }
  const size_t question = rest.find('?');
  out += rest.substr(0, question);
  if (question != std::string_view::npos) {
    absl::StrAppend(&out, "?", MaskParameters(rest.substr(question + 1)));
  }
  return out;
}

// libpq's key=value form: values may be quoted, backslashes escape, blanks may surround '='.
class PairScanner {
 public:
  explicit PairScanner(std::string_view text) : text_(text) {}

  // nullopt when the text is malformed.
  std::optional<std::vector<std::pair<std::string, std::string>>> Scan() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (SkipBlanks(); !text_.empty(); SkipBlanks()) {
      std::string key = TakeKey();
      SkipBlanks();
      if (key.empty() || !text_.starts_with('=')) return std::nullopt;
      text_.remove_prefix(1);
      SkipBlanks();
      std::optional<std::string> value = TakeValue();
      if (!value) return std::nullopt;
      pairs.emplace_back(std::move(key), *std::move(value));
    }
    return pairs;
  }

 private:
  static bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

  void SkipBlanks() {
    while (!text_.empty() && IsBlank(text_[0])) text_.remove_prefix(1);
  }

  std::string TakeKey() {
    size_t end = 0;
    while (end < text_.size() && text_[end] != '=' && !IsBlank(text_[end])) ++end;
    std::string key(text_.substr(0, end));
    text_.remove_prefix(end);
    return key;
  }

  // As it is written, quotes and backslashes included.
  std::optional<std::string> TakeValue() {
    const bool quoted = text_.starts_with('\'');
    size_t end = quoted ? 1 : 0;
    while (end < text_.size() && (quoted ? text_[end] != '\'' : !IsBlank(text_[end]))) {
      end += text_[end] == '\\' ? 2 : 1;
    }
    if (quoted) ++end;
    if (end > text_.size()) return std::nullopt;
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end);
    return value;
  }

  std::string_view text_;
};

std::string MaskPairs(std::string_view dsn) {
  const auto pairs = PairScanner(dsn).Scan();
  if (!pairs) return std::string(kMask);
  return absl::StrJoin(*pairs, " ", [](std::string* out, const auto& pair) {
    absl::StrAppend(out, pair.first, "=",
                    IsHarmless(pair.first) ? absl::string_view(pair.second) : AsAbsl(kMask));
  });
}

absl::Status CheckSqlite(std::string_view dsn) {
  if (dsn.starts_with("file:") || dsn.starts_with("sqlite:") || dsn.starts_with(':')) {
    return absl::InvalidArgumentError(
        "expected the path of a SQLite file: URIs and in-memory databases are not supported");
  }
  return absl::OkStatus();
}

absl::Status CheckPostgresql(std::string_view dsn) {
  if (IsPostgresqlUri(dsn)) return absl::OkStatus();
  if (const auto pairs = PairScanner(dsn).Scan(); pairs && !pairs->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "expected postgresql://user:password@host:port/database or libpq's key=value pairs");
}

absl::Status CheckMysql(std::string_view dsn) {
  if (IsMysqlUri(dsn)) {
    std::string_view path = dsn.substr(dsn.find("://") + 3);
    path = path.substr(0, path.find('?'));
    const size_t slash = path.find('/');
    if (slash != std::string_view::npos && slash + 1 < path.size()) return absl::OkStatus();
  }
  return absl::InvalidArgumentError("expected mysql://user:password@host:port/database");
}

}  // namespace

absl::Status CheckDsn(TargetKind kind, std::string_view dsn) {
  switch (kind) {
    case TargetKind::kPostgresql:
      return CheckPostgresql(dsn);
    case TargetKind::kMysql:
      return CheckMysql(dsn);
    case TargetKind::kSqlite:
      return CheckSqlite(dsn);
  }
  return absl::InternalError("unknown kind of target");
}

std::string MaskDsn(TargetKind kind, std::string_view dsn) {
  if (kind == TargetKind::kSqlite) return std::string(dsn);
  if (IsPostgresqlUri(dsn) || IsMysqlUri(dsn)) return MaskUri(dsn);
  return kind == TargetKind::kPostgresql ? MaskPairs(dsn) : std::string(kMask);
}

}  // namespace batchsql
