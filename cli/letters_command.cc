#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "batchsql/v1/admin.grpc.pb.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/letter_lines.h"
#include "cli/text_table.h"
#include "core/civil_time.h"

namespace batchsql::cli {
namespace {

using Admin = v1::Admin::Stub;
using Replays = std::vector<v1::DeadLetterReplay>;

constexpr int kLettersInCall = 1000;
constexpr size_t kBytesInCall = size_t{4} << 20;

absl::StatusOr<v1::ListDeadLettersResponse> List(Caller<Admin>& admin,
                                                 const LettersCommand& command, uint64_t after) {
  v1::ListDeadLettersRequest request;
  request.set_table(command.table);
  request.set_after_id(after);
  request.set_limit(command.limit);
  request.set_reason(command.reason);
  request.set_include_replayed(command.replayed);
  return admin.Call(&Admin::ListDeadLetters, request);
}

void PrintLetters(const LettersCommand& command, const v1::ListDeadLettersResponse& response) {
  std::string reasons;
  for (const v1::DeadLetterCount& count : response.live_by_reason()) {
    absl::StrAppend(&reasons, reasons.empty() ? " (" : ", ", WithSeparators(count.count()), " ",
                    ReasonText(count.reason()));
  }
  if (!reasons.empty()) reasons.push_back(')');
  std::printf(
      "%s: %s live%s, %s replayed, %s\n", command.table.c_str(),
      WithSeparators(response.live()).c_str(), reasons.c_str(),
      WithSeparators(response.replayed()).c_str(),
      absl::StrFormat("%.1f MiB", static_cast<double>(response.disk_bytes()) / (1 << 20)).c_str());
  if (response.letters().empty()) return;
  TextTable table(
      {"ID", "TIME", "STATE", "REASON", "COLUMN", "CODE", "PRODUCER", "SEQUENCE", "ROW"},
      {true, false, false, false, false, false, false, true, true});
  for (const v1::DeadLetter& letter : response.letters()) {
    const bool replayed = letter.state() == v1::DEAD_LETTER_STATE_REPLAYED;
    table.Add({absl::StrCat(letter.id()), TimeText(letter.time_ms()),
               replayed ? "replayed" : "live", ReasonText(letter.reason()), letter.column(),
               letter.code(), letter.producer_id(), absl::StrCat(letter.sequence()),
               absl::StrCat(letter.row())});
  }
  std::printf("\n%s", table.Text().c_str());
  if (!response.more()) return;
  std::printf("\nmore follow: --after %s\n",
              absl::StrCat(response.letters().rbegin()->id()).c_str());
}

// Before the first is replayed: what is refused again becomes a new letter.
absl::StatusOr<Replays> FindAll(Caller<Admin>& admin, LettersCommand command) {
  command.limit = kLettersInCall;
  command.replayed = false;
  Replays replays;
  while (true) {
    const auto page = List(admin, command, replays.empty() ? 0 : replays.back().id());
    if (!page.ok()) return page.status();
    for (const v1::DeadLetter& letter : page->letters()) {
      replays.emplace_back().set_id(letter.id());
    }
    if (!page->more()) return replays;
  }
}

absl::StatusOr<Replays> FindReplays(Caller<Admin>& admin, const LettersCommand& command) {
  if (command.all) return FindAll(admin, command);
  if (!command.path.empty()) return ReadLetterLines(command.path);
  Replays replays;
  for (const uint64_t id : command.ids) replays.emplace_back().set_id(id);
  return replays;
}

struct ReplayTotals {
  uint64_t replayed = 0;
  uint64_t repeated = 0;
  uint64_t refused = 0;
};

void Count(const v1::ReplayDeadLettersResponse& response, ReplayTotals* totals) {
  for (const v1::DeadLetterReplayed& letter : response.replayed()) {
    if (!letter.error().empty()) {
      ++totals->refused;
      std::fprintf(stderr, "letter %s: %s: %s\n", absl::StrCat(letter.id()).c_str(),
                   letter.error().c_str(), letter.message().c_str());
    } else {
      ++(letter.repeated() ? totals->repeated : totals->replayed);
    }
  }
}

absl::Status ReplayAll(Caller<Admin>& admin, const std::string& table, const Replays& replays,
                       ReplayTotals* totals) {
  for (size_t next = 0; next < replays.size();) {
    v1::ReplayDeadLettersRequest request;
    request.set_table(table);
    size_t bytes = 0;
    while (next < replays.size() && request.replays_size() < kLettersInCall &&
           bytes < kBytesInCall) {
      bytes += replays[next].row_json().size();
      *request.add_replays() = replays[next++];
    }
    const auto response = admin.Call(&Admin::ReplayDeadLetters, request);
    if (!response.ok()) return response.status();
    Count(*response, totals);
  }
  return absl::OkStatus();
}

absl::Status CheckIds(const Replays& replays) {
  std::set<uint64_t> ids;
  for (const v1::DeadLetterReplay& replay : replays) {
    if (!ids.insert(replay.id()).second) {
      return absl::InvalidArgumentError(absl::StrCat("letter ", replay.id(), " is named twice"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int RunLettersList(const LettersCommand& command) {
  Caller<Admin> admin(command.server);
  const auto response = List(admin, command, command.after);
  if (!response.ok()) return Fail(response.status());
  if (command.json) return PrintJson(*response);
  PrintLetters(command, *response);
  return kExitOk;
}

int RunLettersShow(const LettersCommand& command) {
  Caller<Admin> admin(command.server);
  for (const uint64_t id : command.ids) {
    v1::GetDeadLetterRequest request;
    request.set_table(command.table);
    request.set_id(id);
    const auto response = admin.Call(&Admin::GetDeadLetter, request);
    if (!response.ok()) return Fail(response.status());
    std::printf("%s\n", LetterLine(command.table, response->letter()).c_str());
  }
  return kExitOk;
}

int RunLettersReplay(const LettersCommand& command) {
  Caller<Admin> admin(command.server);
  const absl::StatusOr<Replays> replays = FindReplays(admin, command);
  if (!replays.ok()) return Fail(replays.status());
  if (absl::Status status = CheckIds(*replays); !status.ok()) return Fail(status);
  ReplayTotals totals;
  const absl::Status status = ReplayAll(admin, command.table, *replays, &totals);
  std::printf("replay: replayed=%s repeated=%s refused=%s\n", absl::StrCat(totals.replayed).c_str(),
              absl::StrCat(totals.repeated).c_str(), absl::StrCat(totals.refused).c_str());
  if (!status.ok()) return Fail(status);
  return totals.refused > 0 ? kExitRejected : kExitOk;
}

int RunLettersPurge(const LettersCommand& command) {
  v1::PurgeDeadLettersRequest request;
  request.set_table(command.table);
  request.mutable_ids()->Add(command.ids.begin(), command.ids.end());
  request.set_replayed(command.replayed);
  request.set_all(command.all);
  if (!command.before.empty()) {
    const std::optional<int64_t> micros = ParseTimestamp(command.before);
    if (!micros.has_value() || *micros < 1000) {
      return Fail(absl::InvalidArgumentError("--before: expected a time as 2026-01-31T12:00:00Z"));
    }
    request.set_before_time_ms(static_cast<uint64_t>(*micros / 1000));
  }
  if (command.all && !command.yes) {
    return Fail(absl::InvalidArgumentError("--all removes every dead letter for good: add --yes"));
  }
  Caller<Admin> admin(command.server);
  const auto response = admin.Call(&Admin::PurgeDeadLetters, request);
  if (!response.ok()) return Fail(response.status());
  std::printf("purge: purged=%s\n", absl::StrCat(response->purged()).c_str());
  return kExitOk;
}

}  // namespace batchsql::cli
