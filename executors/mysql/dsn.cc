#include "executors/mysql/dsn.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/strings.h"

namespace batchsql {
namespace {

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("MySQL DSN: ", AsAbsl(what)));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// Decodes `text` into `*target`; `name` says in an error which part it was.
absl::Status Decode(std::string_view text, std::string_view name, std::string* target) {
  std::optional<std::string> decoded = PercentDecode(text);
  if (!decoded) return Invalid(absl::StrCat("bad percent-encoding in the ", AsAbsl(name)));
  *target = *std::move(decoded);
  return absl::OkStatus();
}

absl::Status ParseCredentials(std::string_view text, MySqlAddress& address) {
  const size_t colon = text.find(':');
  if (absl::Status status = Decode(text.substr(0, colon), "user", &address.user); !status.ok()) {
    return status;
  }
  if (colon == std::string_view::npos) return absl::OkStatus();
  return Decode(text.substr(colon + 1), "password", &address.password);
}

absl::Status ParsePort(std::string_view text, MySqlAddress& address) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(AsAbsl(text), &port) || port == 0 || port > UINT16_MAX)
    return Invalid("bad port");
  address.port = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

absl::Status ParseHost(std::string_view text, MySqlAddress& address) {
  if (text.empty()) return absl::OkStatus();
  std::string_view host = text;
  std::string_view rest;
  if (text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Invalid("unclosed bracket in the host");
    host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!host.empty()) {
    if (absl::Status status = Decode(host, "host", &address.host); !status.ok()) return status;
  }
  if (rest.empty()) return absl::OkStatus();
  if (rest.front() != ':') return Invalid("bad host");
  return ParsePort(rest.substr(1), address);
}

absl::Status ParseTls(std::string_view mode, MySqlAddress& address) {
  using Tls = MySqlAddress::Tls;
  if (mode == "disabled") {
    address.tls = Tls::kDisabled;
  } else if (mode == "required") {
    address.tls = Tls::kRequired;
  } else if (mode == "verify-full") {
    address.tls = Tls::kVerifyFull;
  } else {
    return Invalid("ssl_mode must be disabled, required or verify-full");
  }
  return absl::OkStatus();
}

std::string* ParameterOf(std::string_view key, MySqlAddress& address, std::string* mode) {
  if (key == "socket") return &address.socket;
  if (key == "ssl_ca") return &address.ssl_ca;
  if (key == "ssl_capath") return &address.ssl_capath;
  if (key == "ssl_cert") return &address.ssl_cert;
  if (key == "ssl_key") return &address.ssl_key;
  if (key == "ssl_mode") return mode;
  return nullptr;
}

absl::Status ParseParameters(std::string_view text, MySqlAddress& address) {
  std::string mode;
  for (absl::string_view piece : absl::StrSplit(AsAbsl(text), '&', absl::SkipEmpty())) {
    const std::string_view pair = AsStd(piece);
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    std::string* target = ParameterOf(key, address, &mode);
    if (target == nullptr || equals == std::string_view::npos) {
      return Invalid(
          "a parameter other than socket, ssl_ca, ssl_capath, ssl_cert, ssl_key, ssl_mode");
    }
    if (absl::Status status = Decode(pair.substr(equals + 1), key, target); !status.ok()) {
      return status;
    }
  }
  if (!mode.empty()) return ParseTls(mode, address);
  const bool has_authority = !address.ssl_ca.empty() || !address.ssl_capath.empty();
  if (has_authority) address.tls = MySqlAddress::Tls::kVerifyFull;
  return absl::OkStatus();
}

}  // namespace

std::string MySqlAddress::ToString() const {
  if (!socket.empty()) return absl::StrCat(socket, "/", database);
  return absl::StrCat(host, ":", port, "/", database);
}

absl::StatusOr<MySqlAddress> ParseMySqlDsn(std::string_view dsn) {
  if (!dsn.starts_with("mysql://") && !dsn.starts_with("mariadb://")) {
    return Invalid("must start with mysql://");
  }
  dsn.remove_prefix(dsn.find("://") + 3);
  if (dsn.find('#') != std::string_view::npos) return Invalid("'#' must be written %23");
  MySqlAddress address;
  const size_t question = dsn.find('?');
  std::string_view path = dsn.substr(0, question);
  const size_t slash = path.find('/');
  std::string_view authority = path.substr(0, slash);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (absl::Status s = ParseCredentials(authority.substr(0, at), address); !s.ok()) return s;
    authority.remove_prefix(at + 1);
  }
  if (absl::Status s = ParseHost(authority, address); !s.ok()) return s;
  if (slash != std::string_view::npos) {
    if (absl::Status s = Decode(path.substr(slash + 1), "database", &address.database); !s.ok()) {
      return s;
    }
  }
  if (question != std::string_view::npos) {
    if (absl::Status s = ParseParameters(dsn.substr(question + 1), address); !s.ok()) return s;
  }
  if (address.database.empty()) return Invalid("names no database");
  return address;
}

}  // namespace batchsql
