#include "server/letter_replay.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/dead_letters/letter_store.h"
#include "core/mutex.h"
#include "core/strings.h"
#include "server/decode/json_rows.h"
#include "server/intake.h"

namespace batchsql {
namespace {

// Other tables' calls wait behind a replay whose database is away.
constexpr std::chrono::seconds kAwaitMax{30};

// The cells of a letter, exact to the bit.
class LetterRow : public RowSource {
 public:
  explicit LetterRow(DeadLetter letter) : letter_(std::move(letter)) {}

  absl::Status Decode(RowBlockBuilder& builder) const override {
    std::vector<Value> elements;
    for (const LetterCell& cell : letter_.cells) {
      const absl::StatusOr<uint32_t> column = builder.BindColumn(cell.column, UINT16_MAX);
      if (!column.ok()) return column.status();
      builder.Append(*column, LetterValue(cell, &elements));
    }
    builder.EndRow();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<NewColumn>> InferColumns() const override {
    std::vector<NewColumn> columns;
    for (const LetterCell& cell : letter_.cells) columns.push_back({cell.column, cell.type});
    return columns;
  }

 private:
  const DeadLetter letter_;
};

// What became of the rows, told by any thread. What is told first of each counts: what the database
// says of a row that is journaled is no longer the replay's matter.
class Answers {
 public:
  explicit Answers(size_t count) : waiting_(count), statuses_(count) {}

  void Tell(size_t index, absl::Status status) {
    MutexLock lock(mutex_);
    if (statuses_[index].has_value()) return;
    statuses_[index] = std::move(status);
    --waiting_;
    all_told_.NotifyAll();
  }
  // Until all are told, or time is up: the others are queued, and a repetition tells.
  std::vector<absl::Status> Await() {
    const auto deadline = std::chrono::steady_clock::now() + kAwaitMax;
    MutexLock lock(mutex_);
    while (waiting_ > 0 && std::chrono::steady_clock::now() < deadline) {
      all_told_.WaitUntil(mutex_, deadline);
    }
    const absl::Status untold = absl::DeadlineExceededError(
        "the row is not in the table yet; repeat the replay to learn what became of it");
    for (std::optional<absl::Status>& status : statuses_) {
      if (!status.has_value()) status = untold;
    }
    std::vector<absl::Status> statuses;
    for (std::optional<absl::Status>& status : statuses_) statuses.push_back(*std::move(status));
    return statuses;
  }

 private:
  Mutex mutex_;
  CondVar all_told_;
  size_t waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<absl::Status>> statuses_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Refused(const RowRejection& rejection) {
  return absl::InvalidArgumentError(absl::StrCat(
      rejection.field.empty() ? "" : absl::StrCat("column \"", rejection.field, "\": "),
      AsAbsl(RejectReasonName(rejection.reason)), ": ", rejection.detail));
}

absl::StatusOr<std::unique_ptr<RowSource>> RowOf(DeadLetter letter, std::string row_json,
                                                 const RequestLimits& limits) {
  if (row_json.empty()) return std::unique_ptr<RowSource>(new LetterRow(std::move(letter)));
  const size_t begin = row_json.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos || row_json[begin] != '{') {
    return absl::InvalidArgumentError("the row is no JSON object");
  }
  return std::unique_ptr<RowSource>(
      new JsonRowSource(JsonForm::kDocument, std::move(row_json), limits));
}

// A row is safe in the journal, or else in the table.
AckLevel LevelOf(const Pipeline& pipeline) {
  return pipeline.has_journal() ? AckLevel::kJournal : AckLevel::kDatabase;
}

// The digest is the same for every edition of the row: the letter is replayed once.
IntakeRequest MakeRequest(Pipeline& pipeline, uint64_t id, uint64_t letter_time_ms,
                          std::unique_ptr<RowSource> row, uint64_t size_bytes) {
  IntakeRequest request;
  request.pipeline = &pipeline;
  request.level = LevelOf(pipeline);
  request.producer_id = ReplayProducer(pipeline.id(), id);
  request.sequence = 1;
  request.digest = DigestOf(kReplayProducerPrefix);
  request.rows = std::move(row);
  request.size_bytes = size_bytes;
  request.replay = true;
  request.letter_time_ms = letter_time_ms;
  return request;
}

uint64_t SizeOf(const DeadLetter& letter, const std::string& row_json) {
  uint64_t bytes = row_json.size();
  for (const LetterCell& cell : letter.cells) bytes += cell.bytes.size() + sizeof(uint64_t);
  return bytes;
}

}  // namespace

std::vector<ReplayOutcome> ReplayLetters(Pipeline& pipeline, Budget& budget,
                                         const RequestLimits& limits,
                                         std::vector<LetterReplay> replays) {
  std::vector<ReplayOutcome> outcomes(replays.size());
  const auto answers = std::make_shared<Answers>(replays.size());
  const AckLevel level = LevelOf(pipeline);
  absl::Status away;  // a store that is away is asked once
  for (size_t i = 0; i < replays.size(); ++i) {
    outcomes[i].id = replays[i].id;
    absl::StatusOr<LetterStore::Kept> kept = away.ok() ? pipeline.letters()->Get(replays[i].id)
                                                       : absl::StatusOr<LetterStore::Kept>(away);
    if (absl::IsUnavailable(kept.status())) away = kept.status();
    outcomes[i].repeated = kept.ok() && kept->state == LetterState::kReplayed;
    if (!kept.ok() || outcomes[i].repeated) {
      answers->Tell(i, kept.status());
      continue;
    }
    const uint64_t size_bytes = SizeOf(kept->letter, replays[i].row_json);
    const uint64_t time_ms = kept->letter.time_ms;
    absl::StatusOr<std::unique_ptr<RowSource>> row =
        RowOf(std::move(kept->letter), std::move(replays[i].row_json), limits);
    if (!row.ok()) {
      answers->Tell(i, row.status());
      continue;
    }
    TakeRows(
        MakeRequest(pipeline, replays[i].id, time_ms, *std::move(row), size_bytes), budget,
        [answers, i, level](AckLevel reached, const RequestOutcome& outcome) {
          if (reached >= level) answers->Tell(i, outcome.status);
        },
        [answers, i](const absl::StatusOr<IntakeResult>& result) {
          if (!result.ok()) answers->Tell(i, result.status());
          if (result.ok() && !result->awaited) answers->Tell(i, Refused(result->rejected.front()));
        });
  }
  const std::vector<absl::Status> statuses = answers->Await();
  std::vector<uint64_t> written;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i].status = statuses[i];
    if (statuses[i].ok() && !outcomes[i].repeated) written.push_back(outcomes[i].id);
  }
  const absl::Status marked = pipeline.FinishReplays(written);
  for (ReplayOutcome& outcome : outcomes) {
    if (!marked.ok() && outcome.status.ok() && !outcome.repeated) outcome.status = marked;
  }
  return outcomes;
}

}  // namespace batchsql
