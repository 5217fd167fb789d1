#include "tests/support/fake_executor.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/slot_totals.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

template <typename Fn>
void ForEachPlanned(const WritePlan& plan, Fn&& fn) {
  for (const WriteGroup& group : plan.groups) {
    for (const RowRange& range : group.rows) {
      for (uint32_t row = range.begin; row < range.end; ++row) fn(RowRef{range.block, row});
    }
  }
}

std::string Dump(const WritePlan& plan, RowRef row) {
  return DumpRow(*plan.schema, *plan.blocks[row.block], row.row);
}

RecordedWrite Record(const WritePlan& plan, const FlushProgress& progress) {
  RecordedWrite write{plan.schema,        plan.groups, {},   plan.coalesced_rows,
                      plan.blocks.size(), progress,    false};
  ForEachPlanned(plan, [&](RowRef row) { write.rows.push_back(Dump(plan, row)); });
  return write;
}

std::vector<std::string> RowsBut(const WritePlan& plan, const std::vector<RowFailure>& failures) {
  std::vector<std::string> rows;
  ForEachPlanned(plan, [&](RowRef row) {
    const bool failed = std::any_of(failures.begin(), failures.end(),
                                    [&](const RowFailure& failure) { return failure.row == row; });
    if (!failed) rows.push_back(Dump(plan, row));
  });
  return rows;
}

}  // namespace

std::unique_ptr<Target> FakeDatabase::MakeTarget(uint32_t connections_max) {
  return std::make_unique<Target>("fake", "fake", connections_max,
                                  [this] { return MakeExecutor(); });
}

std::unique_ptr<Executor> FakeDatabase::MakeExecutor() {
  return std::make_unique<FakeExecutor>(this);
}

void FakeDatabase::SetDescribed(absl::StatusOr<TableSchema> described) {
  MutexLock lock(mutex_);
  described_ = std::move(described);
}

void FakeDatabase::Then(Answer answer) {
  MutexLock lock(mutex_);
  scripted_writes_.push_back({std::move(answer), CommitAnswer::kComes});
}

void FakeDatabase::ThenFail(ErrorClass error_class, const std::string& code, int times) {
  for (int i = 0; i < times; ++i) {
    Then([error_class, code](const WritePlan&) {
      return WriteOutcome{
          WriteOutcome::Kind::kNotCommitted, {error_class, code, "scripted"}, {}, 0};
    });
  }
}

void FakeDatabase::ThenSucceed() {
  MutexLock lock(mutex_);
  scripted_writes_.clear();
}

void FakeDatabase::ThenInDoubt(bool committed, Answer answer) {
  MutexLock lock(mutex_);
  scripted_writes_.push_back({std::move(answer), committed ? CommitAnswer::kLostAfterCommit
                                                           : CommitAnswer::kLostBeforeCommit});
}

void FakeDatabase::ThenClaimFails(absl::Status status) {
  MutexLock lock(mutex_);
  scripted_claims_.push_back({std::move(status), CommitAnswer::kComes});
}

void FakeDatabase::ThenClaimInDoubt(bool committed) {
  MutexLock lock(mutex_);
  scripted_claims_.push_back({absl::OkStatus(), committed ? CommitAnswer::kLostAfterCommit
                                                          : CommitAnswer::kLostBeforeCommit});
}

void FakeDatabase::ThenResolveFails(const absl::Status& status, int times) {
  MutexLock lock(mutex_);
  scripted_resolves_.insert(scripted_resolves_.end(), static_cast<size_t>(times), status);
}

void FakeDatabase::ThenResolveWorks() {
  MutexLock lock(mutex_);
  scripted_resolves_.clear();
}

std::vector<SlotRow> FakeDatabase::SlotsOf(const Uuid& pipeline) const {
  std::vector<SlotRow> rows;
  for (const auto& [key, row] : slots_) {
    if (key.first == pipeline) rows.push_back(row);
  }
  return rows;
}

std::vector<SlotRow> FakeDatabase::slots(const Uuid& pipeline) {
  MutexLock lock(mutex_);
  return SlotsOf(pipeline);
}

void FakeDatabase::SetSlots(const Uuid& pipeline, const std::vector<SlotRow>& rows) {
  MutexLock lock(mutex_);
  std::erase_if(slots_, [&](const auto& entry) { return entry.first.first == pipeline; });
  for (const SlotRow& row : rows) slots_[{pipeline, row.slot}] = row;
}

uint64_t FakeDatabase::producer(const TableName& table, const std::string& producer_id) {
  MutexLock lock(mutex_);
  const auto found = producers_.find({table.ToString(), producer_id});
  return found == producers_.end() ? 0 : found->second;
}

void FakeDatabase::SetProducer(const TableName& table, const std::string& producer_id,
                               uint64_t sequence) {
  MutexLock lock(mutex_);
  producers_[{table.ToString(), producer_id}] = sequence;
}

void FakeDatabase::SetProducersStatus(absl::Status status) {
  MutexLock lock(mutex_);
  producers_status_ = std::move(status);
}

void FakeDatabase::Hold() {
  MutexLock lock(mutex_);
  hold_ = true;
}

void FakeDatabase::Release() {
  MutexLock lock(mutex_);
  hold_ = false;
  changed_.NotifyAll();
}

void FakeDatabase::AwaitHeld(size_t count) {
  MutexLock lock(mutex_);
  while (held_ < count) changed_.Wait(mutex_);
}

void FakeDatabase::AwaitWrites(size_t count) {
  MutexLock lock(mutex_);
  while (writes_.size() < count) changed_.Wait(mutex_);
}

std::vector<RecordedWrite> FakeDatabase::writes() {
  MutexLock lock(mutex_);
  return writes_;
}

std::vector<std::string> FakeDatabase::table() {
  MutexLock lock(mutex_);
  return table_;
}

size_t FakeDatabase::describes() {
  MutexLock lock(mutex_);
  return describes_;
}

size_t FakeDatabase::claims() {
  MutexLock lock(mutex_);
  return claims_;
}

size_t FakeDatabase::resolves() {
  MutexLock lock(mutex_);
  return resolves_;
}

std::vector<std::vector<std::string>> FakeDatabase::producer_reads() {
  MutexLock lock(mutex_);
  return producer_reads_;
}

WriteOutcome FakeDatabase::Committed(const WritePlan& plan) {
  return {WriteOutcome::Kind::kCommitted, {}, {}, plan.coalesced_rows};
}

bool FakeDatabase::SlotsAllow(const SlotMove& move) const {
  const SlotRow& row = move.before;
  const auto found = slots_.find({move.pipeline, row.slot});
  if (found == slots_.end() || found->second.epoch != row.epoch ||
      found->second.token != row.token || found->second.from != row.from ||
      found->second.to != row.to) {
    return false;
  }
  return std::all_of(move.floors.begin(), move.floors.end(),
                     [&](const SlotFloor& floor) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                       const auto other = slots_.find({move.pipeline, floor.slot});
                       return other != slots_.end() && other->second.to >= floor.to;
                     });
}

bool FakeDatabase::BeginWrite(const WritePlan& plan, const FlushProgress& progress, size_t* index,
                              ScriptedWrite* script) {
  MutexLock lock(mutex_);
  *index = writes_.size();
  writes_.push_back(Record(plan, progress));
  changed_.NotifyAll();
  ++held_;
  while (hold_) changed_.Wait(mutex_);
  --held_;
  if (!SlotsAllow(progress.slot)) return false;
  if (!scripted_writes_.empty()) {
    *script = std::move(scripted_writes_.front());
    scripted_writes_.pop_front();
  }
  return true;
}

bool FakeDatabase::AreLive(const Uuid& pipeline, const std::vector<uint64_t>& ids) const {
  for (const uint64_t id : ids) {
    const auto found = letters_.find({pipeline, id});
    if (found == letters_.end() || found->second.state != LetterState::kLive) return false;
  }
  return true;
}

WriteOutcome::Kind FakeDatabase::Commit(const WritePlan& plan, const FlushProgress& progress,
                                        const LetterChanges& kept, size_t index,
                                        const WriteOutcome& outcome) {
  const TableName table = plan.schema == nullptr ? TableName() : plan.schema->name();
  SlotMove slot = progress.slot;
  slot.after.totals = TotalsAfter(plan, progress, outcome.failures, outcome.coalesced_rows);
  MutexLock lock(mutex_);
  if (!SlotsAllow(slot)) return WriteOutcome::Kind::kFenced;
  for (const ProducerMove& move : progress.producers) {
    const auto found = producers_.find({table.ToString(), move.producer_id});
    if ((found == producers_.end() ? 0 : found->second) != move.before) {
      return WriteOutcome::Kind::kProducerMoved;
    }
  }
  const LetterChanges& letters = progress.letters;
  if (!AreLive(slot.pipeline, letters.replayed)) return WriteOutcome::Kind::kLetterGone;
  for (const uint64_t id : letters.replayed) {
    letters_[{slot.pipeline, id}].state = LetterState::kReplayed;
  }
  for (const auto* added : {&letters.added, &kept.added}) {
    for (const LetterRow& row : *added) {
      if (!letters_.try_emplace({slot.pipeline, row.id}, row).second) {
        throw std::logic_error("a letter's id is given twice");
      }
    }
  }
  for (const ProducerMove& move : progress.producers) {
    producers_[{table.ToString(), move.producer_id}] = move.after;
  }
  slots_[{slot.pipeline, slot.after.slot}] = slot.after;
  writes_[index].committed = true;
  if (plan.digest.has_value()) {
    digest_ += slot.after.totals.digest;
    digest_ -= slot.before.totals.digest;
  }
  for (std::string& row : RowsBut(plan, outcome.failures)) table_.push_back(std::move(row));
  return WriteOutcome::Kind::kCommitted;
}

WriteOutcome FakeDatabase::Write(const WritePlan& plan, const FlushProgress& progress,
                                 KeepFailures keep) {
  size_t index = 0;
  ScriptedWrite script;
  if (!BeginWrite(plan, progress, &index, &script)) {
    return {WriteOutcome::Kind::kFenced, {ErrorClass::kFatal, "fenced", "fenced"}, {}, 0};
  }
  WriteOutcome outcome = script.answer(plan);
  if (outcome.kind != WriteOutcome::Kind::kCommitted) return outcome;
  LetterChanges changes;
  if (!outcome.failures.empty()) {
    if (absl::Status kept = keep(outcome.failures, &changes); !kept.ok()) {
      return {WriteOutcome::Kind::kNotCommitted,
              {ErrorClass::kPause, "dead_letters", std::string(kept.message())},
              {},
              0};
    }
  }
  if (script.commit != CommitAnswer::kLostBeforeCommit) {
    outcome.kind = Commit(plan, progress, changes, index, outcome);
    if (outcome.kind != WriteOutcome::Kind::kCommitted) return {outcome.kind, {}, {}, 0};
  }
  if (script.commit != CommitAnswer::kComes) {
    outcome.kind = WriteOutcome::Kind::kInDoubt;
    outcome.error = {ErrorClass::kReconnect, "gone", "scripted"};
  }
  return outcome;
}

void FakeDatabase::MoveSlots(const SlotClaim& claim) {
  for (uint32_t slot = 0; slot < claim.slots; ++slot) slots_[{claim.pipeline, slot}].slot = slot;
  for (auto& [key, row] : slots_) {
    if (key.first != claim.pipeline) continue;
    row.epoch = claim.epoch;
    row.token = claim.token;
  }
}

absl::Status FakeDatabase::Claim(const SlotClaim& claim) {
  MutexLock lock(mutex_);
  ++claims_;
  ScriptedClaim script;
  if (!scripted_claims_.empty()) {
    script = std::move(scripted_claims_.front());
    scripted_claims_.pop_front();
  }
  changed_.NotifyAll();
  if (!script.status.ok()) return script.status;
  if (SlotsOf(claim.pipeline) != claim.expected) {
    return absl::AbortedError("the pipeline's slots have moved");
  }
  if (script.commit != CommitAnswer::kLostBeforeCommit) MoveSlots(claim);
  return script.commit == CommitAnswer::kComes ? absl::OkStatus() : absl::UnknownError("scripted");
}

absl::StatusOr<Resolution> FakeDatabase::Resolve(const SlotMove& move) {
  MutexLock lock(mutex_);
  ++resolves_;
  changed_.NotifyAll();
  if (!scripted_resolves_.empty()) {
    absl::Status status = std::move(scripted_resolves_.front());
    scripted_resolves_.pop_front();
    return status;
  }
  const auto found = slots_.find({move.pipeline, move.before.slot});
  if (found == slots_.end()) return Resolution::kFenced;
  SlotRow row = found->second;
  row.totals = move.after.totals;  // as in a real one, the range and the attempt tell
  row.frontier = move.after.frontier;
  if (row == move.after) return Resolution::kCommitted;
  row.totals = move.before.totals;
  row.frontier = move.before.frontier;
  return row == move.before ? Resolution::kNotCommitted : Resolution::kFenced;
}

absl::StatusOr<std::vector<ProducerMove>> FakeDatabase::ReadProducers(
    const TableName& table, absl::Span<const std::string> producer_ids) {
  MutexLock lock(mutex_);
  producer_reads_.emplace_back(producer_ids.begin(), producer_ids.end());
  if (!producers_status_.ok()) return producers_status_;
  std::vector<ProducerMove> known;
  for (const std::string& id : producer_ids) {
    const auto found = producers_.find({table.ToString(), id});
    if (found != producers_.end()) known.push_back({id, found->second, found->second});
  }
  return known;
}

absl::StatusOr<std::vector<LetterCount>> FakeDatabase::CountLetters(const Uuid& pipeline) {
  MutexLock lock(mutex_);
  std::vector<LetterCount> counts;
  for (const auto& [key, row] : letters_) {
    if (key.first == pipeline) counts.push_back({row.state, row.reason, 1, row.bytes()});
  }
  return counts;
}

absl::StatusOr<LetterPage> FakeDatabase::ReadLetters(const Uuid& pipeline,
                                                     const LetterQuery& query) {
  MutexLock lock(mutex_);
  LetterPage page;
  for (const auto& [key, row] : letters_) {
    if (key.first != pipeline || key.second <= query.after_id) continue;
    if (row.state == LetterState::kReplayed && !query.replayed) continue;
    if (query.reason.has_value() && row.reason != *query.reason) continue;
    page.more = page.rows.size() == query.limit;
    if (page.more) break;
    page.rows.push_back(row);
  }
  return page;
}

uint64_t FakeDatabase::PurgeLetters(const Uuid& pipeline, const LetterSelection& selection) {
  MutexLock lock(mutex_);
  const std::vector<uint64_t>& ids = selection.ids;
  return std::erase_if(letters_, [&](const auto& entry) {
    const auto& [key, row] = entry;
    return key.first == pipeline &&
           (ids.empty() || std::find(ids.begin(), ids.end(), row.id) != ids.end()) &&
           row.time_ms < selection.before_time_ms.value_or(UINT64_MAX) &&
           (!selection.only_replayed || row.state == LetterState::kReplayed);
  });
}

std::vector<LetterRow> FakeDatabase::letters(const Uuid& pipeline) {
  LetterQuery all;
  all.replayed = true;
  return ReadLetters(pipeline, all)->rows;
}

void FakeDatabase::RemoveLetters(const Uuid& pipeline) { PurgeLetters(pipeline, {}); }

TableContents FakeDatabase::Contents(const Uuid& pipeline) {
  MutexLock lock(mutex_);
  return {SlotsOf(pipeline), table_.size(), digest_};
}

absl::StatusOr<TableSchema> FakeDatabase::Describe() {
  MutexLock lock(mutex_);
  ++describes_;
  changed_.NotifyAll();
  return described_;
}

absl::StatusOr<TableSchema> FakeExecutor::Describe(const TableName& /*name*/,
                                                   const WriteRule& /*rule*/) {
  connected_ = true;
  return database_->Describe();
}

absl::Status FakeExecutor::CreateTable(const TableName& /*name*/,
                                       absl::Span<const NewColumn> columns) {
  connected_ = true;
  if (database_->on_create) database_->on_create({columns.begin(), columns.end()});
  return absl::OkStatus();
}

absl::Status FakeExecutor::AddColumns(const TableName& /*name*/,
                                      absl::Span<const NewColumn> columns) {
  connected_ = true;
  if (database_->on_add) database_->on_add({columns.begin(), columns.end()});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SlotRow>> FakeExecutor::ReadSlots(const Uuid& pipeline) {
  connected_ = true;
  return database_->slots(pipeline);
}

absl::Status FakeExecutor::Claim(const SlotClaim& claim) {
  connected_ = true;
  return database_->Claim(claim);
}

absl::StatusOr<std::vector<ProducerMove>> FakeExecutor::ReadProducers(
    const TableName& table, absl::Span<const std::string> producer_ids) {
  connected_ = true;
  return database_->ReadProducers(table, producer_ids);
}

absl::StatusOr<std::vector<LetterCount>> FakeExecutor::CountLetters(const Uuid& pipeline) {
  connected_ = true;
  return database_->CountLetters(pipeline);
}

absl::StatusOr<LetterPage> FakeExecutor::ReadLetters(const Uuid& pipeline,
                                                     const LetterQuery& query) {
  connected_ = true;
  return database_->ReadLetters(pipeline, query);
}

absl::StatusOr<uint64_t> FakeExecutor::PurgeLetters(const Uuid& pipeline,
                                                    const LetterSelection& selection) {
  connected_ = true;
  return database_->PurgeLetters(pipeline, selection);
}

WriteOutcome FakeExecutor::Write(const WritePlan& plan, const FlushProgress& progress,
                                 KeepFailures keep) {
  WriteOutcome outcome = database_->Write(plan, progress, keep);
  connected_ = outcome.kind != WriteOutcome::Kind::kInDoubt;
  return outcome;
}

absl::StatusOr<Resolution> FakeExecutor::Resolve(const SlotMove& move) {
  connected_ = true;
  return database_->Resolve(move);
}

absl::StatusOr<TableContents> FakeExecutor::ReadContents(const Uuid& pipeline,
                                                         const TableSchema& /*schema*/,
                                                         bool /*digest*/) {
  connected_ = true;
  return database_->Contents(pipeline);
}

}  // namespace batchsql
