#include "server/grpc/letter_calls.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/dead_letters/letter_json.h"
#include "core/dead_letters/letter_store.h"
#include "server/grpc/find_pipeline.h"
#include "server/letter_replay.h"

namespace batchsql {
namespace {

constexpr uint32_t kLettersMax = 1000;  // of one call

absl::StatusOr<Pipeline*> FindLetters(const Ingestor& ingestor, const std::string& table) {
  absl::StatusOr<Pipeline*> pipeline = FindPipeline(ingestor, table);
  if (!pipeline.ok() || (*pipeline)->letters() != nullptr) return pipeline;
  return absl::FailedPreconditionError(
      absl::StrCat("table ", table, " keeps no dead letters: it stopped"));
}

void FillLetter(const LetterStore::Kept& kept, v1::DeadLetter* letter) {
  const DeadLetter& from = kept.letter;
  letter->set_id(from.id);
  letter->set_state(kept.state == LetterState::kReplayed ? v1::DEAD_LETTER_STATE_REPLAYED
                                                         : v1::DEAD_LETTER_STATE_LIVE);
  letter->set_time_ms(from.time_ms);
  letter->set_reason(static_cast<v1::RejectReason>(from.reason));
  letter->set_column(from.column);
  letter->set_code(from.code);
  letter->set_producer_id(from.producer_id);
  letter->set_sequence(from.sequence);
  letter->set_row(from.row);
  letter->set_pipeline(UuidText(from.pipeline));
  letter->set_first_lsn(from.first_lsn);
}

void FillRow(const DeadLetter& from, v1::DeadLetter* letter) {
  for (const LetterCell& cell : from.cells) {
    v1::DeadLetterColumn* const column = letter->add_columns();
    column->set_name(cell.column);
    column->set_type(LetterTypeName(cell));
  }
  letter->set_row_json(LetterRowJson(from));
}

absl::Status CheckReplays(const v1::ReplayDeadLettersRequest& request) {
  if (request.replays_size() > static_cast<int>(kLettersMax)) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kLettersMax, " letters"));
  }
  std::set<uint64_t> ids;
  for (const v1::DeadLetterReplay& replay : request.replays()) {
    if (!ids.insert(replay.id()).second) {
      return absl::InvalidArgumentError(absl::StrCat("letter ", replay.id(), " twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LetterSelection> ReadSelection(const v1::PurgeDeadLettersRequest& request) {
  LetterSelection selection;
  selection.ids = {request.ids().begin(), request.ids().end()};
  if (request.before_time_ms() != 0) selection.before_time_ms = request.before_time_ms();
  selection.only_replayed = request.replayed();
  const bool some =
      !selection.ids.empty() || selection.before_time_ms.has_value() || selection.only_replayed;
  if (some == request.all()) {
    return absl::InvalidArgumentError(some ? "all together with another field"
                                           : "no letters are named");
  }
  return selection;
}

}  // namespace

absl::Status ListLetters(Ingestor& ingestor, const v1::ListDeadLettersRequest& request,
                         v1::ListDeadLettersResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindLetters(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  if (request.limit() > kLettersMax) {
    return absl::InvalidArgumentError(absl::StrCat("limit is more than ", kLettersMax));
  }
  LetterQuery query;
  query.after_id = request.after_id();
  if (request.limit() != 0) query.limit = request.limit();
  if (request.reason() != v1::REJECT_REASON_UNSPECIFIED) {
    query.reason = static_cast<RejectReason>(request.reason());
  }
  query.replayed = request.include_replayed();
  LetterStore& letters = *(*pipeline)->letters();
  const absl::StatusOr<LetterStore::Page> page = letters.List(query);
  if (!page.ok()) return page.status();
  for (const LetterStore::Kept& kept : page->letters) FillLetter(kept, response->add_letters());
  response->set_more(page->more);
  const LetterStore::Totals totals = letters.totals();
  response->set_live(totals.live);
  response->set_replayed(totals.replayed);
  response->set_disk_bytes(totals.bytes);
  for (const auto& [reason, count] : totals.live_by_reason) {
    v1::DeadLetterCount* const entry = response->add_live_by_reason();
    entry->set_reason(static_cast<v1::RejectReason>(reason));
    entry->set_count(count);
  }
  return absl::OkStatus();
}

absl::Status GetLetter(Ingestor& ingestor, const v1::GetDeadLetterRequest& request,
                       v1::GetDeadLetterResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindLetters(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  const absl::StatusOr<LetterStore::Kept> kept = (*pipeline)->letters()->Get(request.id());
  if (!kept.ok()) return kept.status();
  FillLetter(*kept, response->mutable_letter());
  FillRow(kept->letter, response->mutable_letter());
  return absl::OkStatus();
}

absl::Status ReplayLetters(Ingestor& ingestor, const RequestLimits& limits,
                           const v1::ReplayDeadLettersRequest& request,
                           v1::ReplayDeadLettersResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindLetters(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  if (absl::Status status = CheckReplays(request); !status.ok()) return status;
  if ((*pipeline)->status().state == PipelineState::kStopped) {
    return absl::UnavailableError("the pipeline stopped");
  }
  std::vector<LetterReplay> replays;
  for (const v1::DeadLetterReplay& replay : request.replays()) {
    replays.push_back({replay.id(), replay.row_json()});
  }
  for (const ReplayOutcome& outcome :
       ReplayLetters(**pipeline, ingestor.budget(), limits, std::move(replays))) {
    v1::DeadLetterReplayed* const replayed = response->add_replayed();
    replayed->set_id(outcome.id);
    replayed->set_repeated(outcome.repeated);
    if (outcome.status.ok()) continue;
    replayed->set_error(absl::StatusCodeToString(outcome.status.code()));
    replayed->set_message(std::string(outcome.status.message()));
  }
  return absl::OkStatus();
}

absl::Status PurgeLetters(Ingestor& ingestor, const v1::PurgeDeadLettersRequest& request,
                          v1::PurgeDeadLettersResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindLetters(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  const absl::StatusOr<LetterSelection> selection = ReadSelection(request);
  if (!selection.ok()) return selection.status();
  const absl::StatusOr<uint64_t> purged = (*pipeline)->letters()->Purge(*selection);
  if (!purged.ok()) return purged.status();
  response->set_purged(*purged);
  return absl::OkStatus();
}

}  // namespace batchsql
