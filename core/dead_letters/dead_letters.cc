#include "core/dead_letters/dead_letters.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/log.h"

namespace batchsql {
namespace {

constexpr size_t kMarksInFrame = 8'000;
constexpr uint64_t kWriteBytes = uint64_t{8} << 20;  // at once; at least one letter
constexpr uint64_t kMoveBytes = uint64_t{1} << 20;   // at once; at least one letter
constexpr uint64_t kPageBytes = uint64_t{16} << 20;
// Bytes of letters that are gone, and of marks, are borne with up to here, or up to as much as the
// letters that are kept.
constexpr uint64_t kSlackBytes = uint64_t{256} << 10;
constexpr uint64_t kSlackBytesMin = 4096;  // when space is short

absl::Status Closed() {
  return absl::UnavailableError("the table's dead letters are closed; try again");
}

}  // namespace

class DeadLetters::Turn {
 public:
  explicit Turn(DeadLetters* store) : store_(store) {
    MutexLock lock(store_->mutex_);
    while (store_->busy_) store_->idle_.Wait(store_->mutex_);
    store_->busy_ = true;
  }
  ~Turn() {
    MutexLock lock(store_->mutex_);
    store_->disk_bytes_ = store_->files_.disk_bytes();
    store_->busy_ = false;
    store_->idle_.NotifyOne();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  DeadLetters* const store_;
};

DeadLetters::DeadLetters(Env* env, LetterSpace* space, Options options)
    : files_(env, space, std::move(options)) {}

absl::StatusOr<std::unique_ptr<DeadLetters>> DeadLetters::Open(Env* env, LetterSpace* space,
                                                               Options options) {
  std::unique_ptr<DeadLetters> store(new DeadLetters(env, space, std::move(options)));
  const Turn turn(store.get());
  absl::Status status =
      store->files_.Open([&](const LetterFiles::Place& place, std::string_view body) {
        return store->OnFrame(place, body);
      });
  if (!status.ok()) return status;
  store->torn_bytes_ = store->files_.torn_bytes();
  return store;
}

absl::Status DeadLetters::OnFrame(const LetterFiles::Place& place, std::string_view body) {
  if (body.empty()) return absl::DataLossError("empty");
  const auto kind = static_cast<uint8_t>(body.front());
  if (kind != kLetterFrame) {
    return OnMark(kind, body.substr(1)) ? absl::OkStatus() : absl::DataLossError("bad mark");
  }
  const absl::StatusOr<KeptLetter> kept = ParseLetterBody(body);
  if (!kept.ok()) return kept.status();
  next_id_ = std::max(next_id_, kept->letter.id + 1);
  MutexLock lock(mutex_);
  index_.Add(kept->letter, kept->state, place);
  return absl::OkStatus();
}

bool DeadLetters::OnMark(uint8_t kind, std::string_view numbers) {
  ByteReader in(numbers);
  MutexLock lock(mutex_);
  while (!in.empty()) {
    const uint64_t number = in.U64();
    if (!in.ok()) return false;
    switch (static_cast<LetterMark>(kind)) {
      case LetterMark::kConfirmed:
        index_.Confirm(number);
        break;
      case LetterMark::kReplayed:
        index_.SetState(number, LetterState::kReplayed);
        break;
      case LetterMark::kPurged:
        index_.Remove(number);
        break;
      case LetterMark::kNextId:
        next_id_ = std::max(next_id_, number);
        break;
      default:
        return false;
    }
  }
  return true;
}

absl::Status DeadLetters::AppendMarks(LetterMark mark, absl::Span<const uint64_t> numbers) {
  for (; !numbers.empty(); numbers.remove_prefix(std::min(numbers.size(), kMarksInFrame))) {
    const std::string body =
        LetterMarkBody(mark, numbers.first(std::min(numbers.size(), kMarksInFrame)));
    const auto places = files_.Append({body}, /*needed=*/true);
    if (!places.ok()) return places.status();
  }
  return absl::OkStatus();
}

absl::Status DeadLetters::Keep(uint64_t attempt, std::vector<DeadLetter> letters) {
  const Turn turn(this);
  if (closed_) return Closed();
  for (DeadLetter& letter : letters) letter.attempt = attempt;
  absl::Span<DeadLetter> rest = absl::MakeSpan(letters);
  absl::Status status = KeepAll(&rest);
  if (!absl::IsResourceExhausted(status)) return status;
  // What was replayed gives way, and what is gone already.
  if (!PurgeSelected({{}, std::nullopt, true}).ok()) return status;
  Shrink(kSlackBytesMin);
  return KeepAll(&rest);
}

// Leaves in `rest` what is not kept.
absl::Status DeadLetters::KeepAll(absl::Span<DeadLetter>* rest) {
  while (!rest->empty()) {
    size_t count = 0;
    for (uint64_t bytes = 0; count < rest->size() && bytes < kWriteBytes; ++count) {
      for (const LetterCell& cell : (*rest)[count].cells) bytes += cell.bytes.size() + 64;
    }
    if (absl::Status status = KeepSome(rest->first(count)); !status.ok()) return status;
    rest->remove_prefix(count);
  }
  return absl::OkStatus();
}

// An id is never given twice, not even after an error: the disk may hold it.
absl::Status DeadLetters::KeepSome(absl::Span<DeadLetter> letters) {
  std::vector<std::string> bodies;
  for (DeadLetter& letter : letters) {
    letter.id = next_id_++;
    bodies.push_back(LetterBody(LetterState::kPending, letter));
  }
  const auto places = files_.Append(bodies, /*needed=*/false);
  if (!places.ok()) return places.status();
  MutexLock lock(mutex_);
  for (size_t i = 0; i < letters.size(); ++i) {
    index_.Add(letters[i], LetterState::kPending, (*places)[i]);
  }
  return absl::OkStatus();
}

absl::Status DeadLetters::Confirm(uint64_t attempt) {
  const Turn turn(this);
  if (closed_) return Closed();
  return ConfirmIfPending(attempt);
}

absl::Status DeadLetters::ConfirmIfPending(uint64_t attempt) {
  {
    MutexLock lock(mutex_);
    if (!index_.IsPending(attempt)) return absl::OkStatus();
  }
  if (absl::Status status = AppendMarks(LetterMark::kConfirmed, {attempt}); !status.ok())
    return status;
  MutexLock lock(mutex_);
  index_.Confirm(attempt);
  return absl::OkStatus();
}

// Nothing is written: after a crash no slot shows the attempt.
void DeadLetters::Drop(uint64_t attempt) {
  const Turn turn(this);
  {
    MutexLock lock(mutex_);
    if (!index_.IsPending(attempt)) return;
    index_.Drop(attempt);
  }
  Shrink(kSlackBytes);
}

absl::Status DeadLetters::Settle(absl::Span<const SlotRow> slots) {
  const Turn turn(this);
  if (closed_) return Closed();
  std::vector<uint64_t> attempts;
  {
    MutexLock lock(mutex_);
    attempts = index_.PendingAttempts();
  }
  for (const uint64_t attempt : attempts) {
    const bool committed = std::any_of(slots.begin(), slots.end(), [attempt](const SlotRow& row) {
      return row.attempt == attempt;
    });
    if (committed) {
      if (absl::Status status = ConfirmIfPending(attempt); !status.ok()) return status;
    } else {
      MutexLock lock(mutex_);
      index_.Drop(attempt);
    }
  }
  if (!attempts.empty()) Shrink(kSlackBytes);
  return absl::OkStatus();
}

absl::StatusOr<DeadLetters::Kept> DeadLetters::Fetch(const LetterIndex::Entry& entry) {
  const absl::StatusOr<std::string> body = files_.Read(entry.place);
  if (!body.ok()) return body.status();
  absl::StatusOr<KeptLetter> kept = ParseLetterBody(*body);
  if (kept.ok()) kept->state = entry.state;
  return kept;
}

absl::StatusOr<DeadLetters::Page> DeadLetters::List(const LetterQuery& query) {
  const Turn turn(this);
  if (closed_) return Closed();
  std::vector<std::pair<uint64_t, LetterIndex::Entry>> found;
  {
    MutexLock lock(mutex_);
    found = index_.List(query);
  }
  Page page;
  uint64_t bytes = 0;
  for (const auto& [id, entry] : found) {
    page.more = page.letters.size() == query.limit || bytes > kPageBytes;
    if (page.more) break;
    absl::StatusOr<Kept> kept = Fetch(entry);
    if (!kept.ok()) return kept.status();
    bytes += entry.place.bytes;
    page.letters.push_back(*std::move(kept));
  }
  return page;
}

absl::StatusOr<DeadLetters::Kept> DeadLetters::Get(uint64_t id) {
  const Turn turn(this);
  if (closed_) return Closed();
  LetterIndex::Entry entry;
  {
    MutexLock lock(mutex_);
    const LetterIndex::Entry* const found = index_.Find(id);
    if (found == nullptr || found->state == LetterState::kPending) {
      return absl::NotFoundError(absl::StrCat("no dead letter ", id));
    }
    entry = *found;
  }
  return Fetch(entry);
}

absl::StatusOr<std::vector<DeadLetter>> DeadLetters::OfRequests(
    absl::Span<const Request> requests) {
  const Turn turn(this);
  if (closed_) return Closed();
  absl::flat_hash_set<uint64_t> hashes;
  for (const Request& request : requests) {
    hashes.insert(LetterIndex::HashOf(request.producer_id, request.sequence));
  }
  std::vector<LetterIndex::Entry> found;
  {
    MutexLock lock(mutex_);
    found = index_.OfRequests(hashes);
  }
  std::vector<DeadLetter> letters;
  for (const LetterIndex::Entry& entry : found) {
    absl::StatusOr<Kept> kept = Fetch(entry);
    if (!kept.ok()) return kept.status();
    letters.push_back(std::move(kept->letter));
  }
  return letters;
}

absl::Status DeadLetters::MarkReplayed(absl::Span<const uint64_t> ids) {
  const Turn turn(this);
  if (closed_) return Closed();
  std::vector<uint64_t> live;
  {
    MutexLock lock(mutex_);
    for (const uint64_t id : ids) {
      const LetterIndex::Entry* const entry = index_.Find(id);
      if (entry != nullptr && entry->state == LetterState::kLive) live.push_back(id);
    }
  }
  if (absl::Status status = AppendMarks(LetterMark::kReplayed, live); !status.ok()) return status;
  MutexLock lock(mutex_);
  for (const uint64_t id : live) index_.SetState(id, LetterState::kReplayed);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DeadLetters::Purge(const LetterSelection& selection) {
  const Turn turn(this);
  if (closed_) return Closed();
  return PurgeSelected(selection);
}

void DeadLetters::Close() {
  const Turn turn(this);
  closed_ = true;
  files_.LetGo();
}

absl::StatusOr<uint64_t> DeadLetters::PurgeSelected(const LetterSelection& selection) {
  std::vector<uint64_t> ids;
  {
    MutexLock lock(mutex_);
    ids = index_.Select(selection);
  }
  if (absl::Status status = AppendMarks(LetterMark::kPurged, ids); !status.ok()) return status;
  {
    MutexLock lock(mutex_);
    for (const uint64_t id : ids) index_.Remove(id);
  }
  if (!ids.empty()) Shrink(kSlackBytes);
  return ids.size();
}

// Gives space back; what fails here is tried again the next time.
void DeadLetters::Shrink(uint64_t slack_bytes) {
  absl::Status status = RemoveEmpty();
  if (status.ok() && IsMostlyGone(slack_bytes)) {
    status = files_.Rotate();
    while (status.ok() && files_.files().size() > 1 && IsMostlyGone(slack_bytes)) {
      status = MoveOldest();
      if (status.ok()) status = RemoveEmpty();
    }
  }
  if (status.ok()) return;
  Log(LogLevel::kWarning, "disk space of dead letters cannot be given back yet",
      {{"reason", std::string(status.message())}});
}

bool DeadLetters::IsMostlyGone(uint64_t slack_bytes) {
  uint64_t bytes = 0;
  for (const LetterFiles::FileInfo& file : files_.files()) bytes += file.end;
  MutexLock lock(mutex_);
  return bytes > 2 * index_.kept_bytes() + slack_bytes;
}

// Only the oldest files go: a mark in one of them may be about a letter in an older one.
absl::Status DeadLetters::RemoveEmpty() {
  bool noted = false;
  while (files_.files().size() > 1) {
    {
      MutexLock lock(mutex_);
      if (index_.kept_bytes(files_.files().front().number) > 0) return absl::OkStatus();
    }
    // The files that are left must tell which ids were given.
    if (!std::exchange(noted, true)) {
      if (absl::Status status = AppendMarks(LetterMark::kNextId, {next_id_}); !status.ok())
        return status;
    }
    if (absl::Status status = files_.RemoveOldest(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Writes what is kept of the oldest file once more, behind all others. After a crash in between the
// later copy counts.
absl::Status DeadLetters::MoveOldest() {
  std::vector<uint64_t> ids;
  {
    MutexLock lock(mutex_);
    ids = index_.InFile(files_.files().front().number);
  }
  for (absl::Span<const uint64_t> rest = ids; !rest.empty();) {
    std::vector<std::string> bodies;
    for (uint64_t bytes = 0; bodies.size() < rest.size() && bytes < kMoveBytes;) {
      LetterIndex::Entry entry;
      {
        MutexLock lock(mutex_);
        entry = *index_.Find(rest[bodies.size()]);
      }
      const absl::StatusOr<Kept> kept = Fetch(entry);
      if (!kept.ok()) return kept.status();
      bodies.push_back(LetterBody(kept->state, kept->letter));
      bytes += bodies.back().size();
    }
    const auto places = files_.Append(bodies, /*needed=*/true);
    if (!places.ok()) return places.status();
    MutexLock lock(mutex_);
    for (size_t i = 0; i < bodies.size(); ++i) index_.Move(rest[i], (*places)[i]);
    rest.remove_prefix(bodies.size());
  }
  return absl::OkStatus();
}

DeadLetters::Totals DeadLetters::totals() const {
  MutexLock lock(mutex_);
  return {index_.live(), index_.replayed(), index_.live_by_reason(), disk_bytes_};
}

}  // namespace batchsql
