#include "core/dead_letters/dead_letters.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/journal/checksum.h"
#include "tests/support/faulty_env.h"
#include "tests/support/rows.h"

namespace batchsql {
namespace {

using Ids = std::vector<uint64_t>;

constexpr char kDirectory[] = "data/letters/t";
constexpr char kFirstFile[] = "data/letters/t/0000000001.letters";

DeadLetter Letter(const std::string& text, RejectReason reason = RejectReason::kConstraint) {
  DeadLetter letter;
  letter.pipeline[0] = 7;
  letter.first_lsn = 10;
  letter.time_ms = 1'000;
  letter.reason = reason;
  letter.code = "23514";
  letter.cells = {{"id", ColumnType::kInt64, ColumnType::kText, false, 5, ""},
                  {"text", ColumnType::kText, ColumnType::kText, false, 0, text}};
  return letter;
}

std::vector<SlotRow> SlotsOf(const std::vector<uint64_t>& attempts) {
  std::vector<SlotRow> slots;
  for (const uint64_t attempt : attempts) {
    SlotRow row;
    row.slot = static_cast<uint32_t>(slots.size());
    row.attempt = attempt;
    slots.push_back(row);
  }
  return slots;
}

std::vector<DeadLetters::Kept> Listed(DeadLetters& store, const LetterQuery& query = {}) {
  absl::StatusOr<DeadLetters::Page> page = store.List(query);
  if (!page.ok()) throw std::logic_error(std::string(page.status().message()));
  return std::move(page->letters);
}

// A store on a faulty disk, opened and killed at will.
class DeadLettersTest {
 protected:
  DeadLettersTest() {
    for (const char* directory : {"data", "data/letters"}) {
      REQUIRE(env.MakeDirectory(directory).ok());
    }
    REQUIRE(env.SyncDirectory("data").ok());
    Open();
  }

  absl::Status TryOpen() {
    store.reset();
    space = std::make_unique<LetterSpace>(&env, "data/letters", budget_bytes);
    absl::StatusOr<std::unique_ptr<DeadLetters>> opened =
        DeadLetters::Open(&env, space.get(), {kDirectory, 8'192, 16'384});
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
    return absl::OkStatus();
  }
  void Open() {
    const absl::Status status = TryOpen();
    INFO(status.ToString());
    REQUIRE(status.ok());
  }
  void LosePower(uint64_t kept_bytes = 0) {
    env.Freeze(true);
    store.reset();
    env.Crash(kept_bytes);
    env.Freeze(false);
    Open();
  }

  void KeepConfirmed(uint64_t attempt, const std::vector<std::string>& texts) {
    std::vector<DeadLetter> letters;
    for (const std::string& text : texts) letters.push_back(Letter(text));
    const absl::Status kept = store->Keep(attempt, std::move(letters));
    REQUIRE(kept.ok());
    REQUIRE(store->Confirm(attempt).ok());
  }

  std::vector<std::string> Texts(LetterQuery query = {}) {
    std::vector<std::string> texts;
    for (const DeadLetters::Kept& kept : Listed(*store, query))
      texts.push_back(kept.letter.cells[1].bytes);
    return texts;
  }
  Ids ListedIds(LetterQuery query = {}) {
    Ids ids;
    for (const DeadLetters::Kept& kept : Listed(*store, query)) ids.push_back(kept.letter.id);
    return ids;
  }

  FaultyEnv env;
  uint64_t budget_bytes = uint64_t{1} << 30;
  std::unique_ptr<LetterSpace> space;
  std::unique_ptr<DeadLetters> store;
};

using Strings = std::vector<std::string>;

TEST_CASE_METHOD(DeadLettersTest, "A store without letters makes no files") {
  CHECK(env.List(kDirectory)->empty());
  CHECK(store->Settle(SlotsOf({1})).ok());
  CHECK(store->Confirm(1).ok());
  store->Drop(1);
  CHECK(env.List(kDirectory)->empty());
}

TEST_CASE_METHOD(DeadLettersTest, "A letter is shown once its attempt is confirmed") {
  REQUIRE(store->Keep(9, {Letter("a"), Letter("b", RejectReason::kNull)}).ok());
  CHECK(ListedIds().empty());
  CHECK(absl::IsNotFound(store->Get(1).status()));
  CHECK(store->totals().live == 0);
  REQUIRE(store->Confirm(9).ok());
  CHECK(ListedIds() == Ids{1, 2});
  CHECK(store->totals().live == 2);
  CHECK(store->totals().live_by_reason.at(RejectReason::kNull) == 1);
  const absl::StatusOr<DeadLetters::Kept> kept = store->Get(2);
  REQUIRE(kept.ok());
  DeadLetter expected = Letter("b", RejectReason::kNull);
  expected.id = 2;
  expected.attempt = 9;
  CHECK(kept->letter == expected);
  CHECK(kept->state == LetterState::kLive);
}

TEST_CASE_METHOD(DeadLettersTest, "An attempt that did not commit leaves nothing") {
  REQUIRE(store->Keep(1, {Letter("a")}).ok());
  store->Drop(1);
  REQUIRE(store->Confirm(1).ok());
  CHECK(ListedIds().empty());
  KeepConfirmed(2, {"a"});
  CHECK(ListedIds() == Ids{2});
}

TEST_CASE_METHOD(DeadLettersTest, "After a crash the target tells which letters are live") {
  KeepConfirmed(1, {"confirmed"});
  REQUIRE(store->Keep(2, {Letter("committed")}).ok());
  REQUIRE(store->Keep(3, {Letter("not committed")}).ok());
  REQUIRE(store->Keep(4, {Letter("dropped")}).ok());
  store->Drop(4);
  LosePower();
  CHECK(Texts() == Strings{"confirmed"});
  // The slot of attempt 1 has moved on.
  REQUIRE(store->Settle(SlotsOf({0, 2, 77})).ok());
  CHECK(Texts() == Strings{"confirmed", "committed"});
  LosePower();
  CHECK(Texts() == Strings{"confirmed", "committed"});
  // By now the slot may show anything.
  REQUIRE(store->Settle(SlotsOf({88})).ok());
  CHECK(Texts() == Strings{"confirmed", "committed"});
}

TEST_CASE_METHOD(DeadLettersTest,
                 "A write that is torn at any byte is cut, and nothing before it") {
  KeepConfirmed(1, {"first"});
  const std::string before = env.Contents(kFirstFile);
  REQUIRE(store->Keep(2, {Letter("second"), Letter("third")}).ok());
  const std::string after = env.Contents(kFirstFile);
  const size_t begin =
      std::mismatch(before.begin(), before.end(), after.begin()).first - before.begin();
  const size_t end = after.find_last_not_of('\0') + 1;
  REQUIRE(end > begin + 100);
  for (size_t cut = begin; cut < end; ++cut) {
    CAPTURE(cut);
    store.reset();
    env.SetContents(kFirstFile, after.substr(0, cut) + before.substr(cut));
    const std::vector<std::string> names = *env.List(kDirectory);
    for (const std::string& name : names) {
      if (absl::StrCat(kDirectory, "/", name) != kFirstFile) {
        REQUIRE(env.Remove(absl::StrCat(kDirectory, "/", name)).ok());
      }
    }
    Open();
    REQUIRE(store->Settle(SlotsOf({2})).ok());
    const Ids ids = ListedIds();
    REQUIRE(!ids.empty());
    CHECK(ids.front() == 1);
    CHECK(ids.size() < 3);
    KeepConfirmed(5, {"new"});
    LosePower();
    CHECK(Texts().back() == "new");
    CHECK(ListedIds().front() == 1);
  }
}

TEST_CASE_METHOD(DeadLettersTest, "A later frame of a torn write is no damage") {
  KeepConfirmed(1, {"first"});
  const std::string before = env.Contents(kFirstFile);
  REQUIRE(store->Keep(2, {Letter("second"), Letter("third")}).ok());
  std::string after = env.Contents(kFirstFile);
  const size_t second = after.find("second");
  REQUIRE(second != std::string::npos);
  after[second] = 'x';
  store.reset();
  env.SetContents(kFirstFile, after);
  Open();
  CHECK(store->torn_bytes() > 0);
  CHECK(Texts() == Strings{"first"});
}

TEST_CASE_METHOD(DeadLettersTest, "A changed bit before a later write is damage") {
  KeepConfirmed(1, {"first"});
  const std::string good = env.Contents(kFirstFile);
  const size_t end = good.find_last_not_of('\0') + 1;
  // The last frame is the confirmation: everything before it is checked, its header included.
  const size_t last_frame = (end - 33) / 8 * 8;
  for (size_t byte = 0; byte < last_frame; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(byte, bit);
      std::string bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
      // Bytes that fill a frame up to a multiple of eight say nothing.
      store.reset();
      env.SetContents(kFirstFile, bad);
      const absl::Status status = TryOpen();
      if (status.ok()) {
        CHECK(good[byte] == '\0');
        CHECK(Texts() == Strings{"first"});
        continue;
      }
      CHECK(absl::IsDataLoss(status));
      CHECK_THAT(std::string(status.message()), Catch::Contains(kFirstFile));
    }
  }
}

TEST_CASE_METHOD(DeadLettersTest, "A newer version's files are refused") {
  KeepConfirmed(1, {"first"});
  store.reset();
  std::string bytes = env.Contents(kFirstFile);
  bytes[8] = 2;  // the version; the header's checksum is of its first 40 bytes
  const uint64_t checksum = Checksum::Of(0, {bytes.data(), 40});
  std::memcpy(bytes.data() + 40, &checksum, sizeof(checksum));
  env.SetContents(kFirstFile, bytes);
  CHECK(absl::IsFailedPrecondition(TryOpen()));
}

TEST_CASE_METHOD(DeadLettersTest, "A missing file in between is damage") {
  for (uint64_t attempt = 1; attempt < 5; ++attempt) {
    KeepConfirmed(attempt, {std::string(7'000, 'x')});
  }
  store.reset();
  REQUIRE(env.Remove("data/letters/t/0000000002.letters").ok());
  CHECK(absl::IsDataLoss(TryOpen()));
}

TEST_CASE_METHOD(DeadLettersTest, "After a failed sync the store goes on in a new file") {
  KeepConfirmed(1, {"first"});
  env.FailAlways("sync");
  CHECK_FALSE(store->Keep(2, {Letter("second")}).ok());
  store->Drop(2);
  env.FailAlways("");
  KeepConfirmed(3, {"third"});
  CHECK(env.List(kDirectory)->size() == 2);
  LosePower(1'000'000);
  REQUIRE(store->Settle({}).ok());
  CHECK(Texts() == Strings{"first", "third"});
}

TEST_CASE_METHOD(DeadLettersTest, "A confirmation that failed is made good") {
  REQUIRE(store->Keep(1, {Letter("first")}).ok());
  env.FailAlways("sync");
  CHECK_FALSE(store->Confirm(1).ok());
  CHECK(ListedIds().empty());
  env.FailAlways("");
  REQUIRE(store->Confirm(1).ok());
  LosePower();
  CHECK(Texts() == Strings{"first"});
}

TEST_CASE_METHOD(DeadLettersTest, "Whatever operation fails, what was said to be done is done") {
  bool failed = true;
  for (uint64_t n = 1; failed; ++n) {
    CAPTURE(n);
    FaultyEnv fresh;
    REQUIRE(fresh.MakeDirectory("data").ok());
    REQUIRE(fresh.MakeDirectory("data/letters").ok());
    REQUIRE(fresh.SyncDirectory("data").ok());
    const uint64_t begun = fresh.operations();
    fresh.FailOperation(n);
    Strings live;
    {
      LetterSpace own(&fresh, "data/letters", budget_bytes);
      auto opened = DeadLetters::Open(&fresh, &own, {kDirectory, 8'192, 8'192});
      if (!opened.ok()) continue;
      DeadLetters& letters = **opened;
      uint64_t attempt = 0;
      for (const std::string text : {"a", "b", "c", "d"}) {
        ++attempt;
        if (!letters.Keep(attempt, {Letter(text + std::string(5'000, '.'))}).ok()) {
          letters.Drop(attempt);
          continue;
        }
        if (!letters.Confirm(attempt).ok()) REQUIRE(letters.Confirm(attempt).ok());
        live.push_back(text);
      }
      const auto listed = letters.List({});
      if (!listed.ok() || listed->letters.empty()) continue;
      if (letters.Purge({{listed->letters.front().letter.id}, std::nullopt, false}).ok()) {
        live.erase(live.begin());
      }
    }
    failed = fresh.operations() - begun >= n;
    fresh.FailOperation(0);
    fresh.Crash();
    LetterSpace own(&fresh, "data/letters", budget_bytes);
    auto opened = DeadLetters::Open(&fresh, &own, {kDirectory, 8'192, 8'192});
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    REQUIRE((*opened)->Settle({}).ok());
    Strings found;
    for (const DeadLetters::Kept& kept : Listed(**opened)) {
      found.push_back(kept.letter.cells[1].bytes.substr(0, 1));
    }
    // A purge that failed may have been written all the same.
    if (found.size() + 1 == live.size()) live.erase(live.begin());
    CHECK(found == live);
  }
}

TEST_CASE_METHOD(DeadLettersTest, "A used up budget refuses letters until some are purged") {
  budget_bytes = 32'768;
  Open();
  uint64_t attempt = 0;
  absl::Status status;
  while (status.ok()) {
    status = store->Keep(++attempt, {Letter(std::string(3'000, 'x'))});
    if (status.ok()) REQUIRE(store->Confirm(attempt).ok());
    REQUIRE(attempt < 100);
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK_THAT(std::string(status.message()), Catch::Contains("limits.letters_bytes_max (32768"));
  CHECK(attempt > 4);
  REQUIRE(*store->Purge({}) == attempt - 1);
  CHECK(store->Keep(++attempt, {Letter(std::string(3'000, 'x'))}).ok());
}

TEST_CASE_METHOD(DeadLettersTest, "Replayed letters give way when the budget is used up") {
  budget_bytes = 32'768;
  Open();
  for (uint64_t attempt = 1; attempt < 50; ++attempt) {
    KeepConfirmed(attempt, {std::string(3'000, 'x')});
    const Ids ids = ListedIds();
    REQUIRE(store->MarkReplayed(ids).ok());
  }
  CHECK(store->totals().live == 0);
  CHECK(store->totals().bytes <= 40'960);
}

TEST_CASE_METHOD(DeadLettersTest, "A full disk takes one more file of letters, from the reserve") {
  space->KeepReserve();
  env.SetCapacity(env.used_bytes());
  KeepConfirmed(1, {"first"});
  LosePower();
  CHECK(Texts() == Strings{"first"});
}

TEST_CASE_METHOD(DeadLettersTest, "Letters can be purged on a full disk") {
  KeepConfirmed(1, {"first"});
  env.SetCapacity(env.used_bytes());
  CHECK(*store->Purge({}) == 1);
  LosePower();
  CHECK(ListedIds().empty());
}

TEST_CASE_METHOD(DeadLettersTest, "Files go with their letters, and no id is given twice") {
  for (uint64_t attempt = 1; attempt <= 10; ++attempt) {
    KeepConfirmed(attempt, {std::string(5'000, 'x')});
  }
  const uint64_t bytes = store->totals().bytes;
  CHECK(env.List(kDirectory)->size() >= 4);
  REQUIRE(*store->Purge({}) == 10);
  CHECK(env.List(kDirectory)->size() == 1);
  CHECK(store->totals().bytes < bytes / 2);
  LosePower();
  CHECK(env.List(kDirectory)->size() == 1);
  KeepConfirmed(11, {"next"});
  CHECK(ListedIds() == Ids{11});
}

TEST_CASE_METHOD(DeadLettersTest, "One old letter does not hold the space of all that follow") {
  KeepConfirmed(1, {"old"});
  for (uint64_t attempt = 2; attempt <= 200; ++attempt) {
    KeepConfirmed(attempt, {std::string(5'000, 'x')});
    if (attempt % 20 != 0) continue;
    Ids ids = ListedIds();
    ids.erase(ids.begin());
    REQUIRE(store->Purge({ids, std::nullopt, false}).ok());
  }
  CHECK(store->totals().bytes < 700'000);
  LosePower();
  CHECK(Texts() == Strings{"old"});
  CHECK(ListedIds() == Ids{1});
}

TEST_CASE_METHOD(DeadLettersTest, "Pending letters that are moved stay pending") {
  REQUIRE(store->Keep(1, {Letter("pending")}).ok());
  for (uint64_t attempt = 2; attempt <= 80; ++attempt) {
    REQUIRE(store->Keep(attempt, {Letter(std::string(5'000, 'x'))}).ok());
    store->Drop(attempt);
  }
  CHECK(store->totals().bytes < 700'000);
  CHECK(ListedIds().empty());
  LosePower();
  REQUIRE(store->Settle(SlotsOf({1})).ok());
  CHECK(Texts() == Strings{"pending"});
}

TEST_CASE_METHOD(DeadLettersTest, "Letters are listed in pages, by reason and with replayed ones") {
  REQUIRE(store->Keep(1, {Letter("a"), Letter("b", RejectReason::kNull), Letter("c"), Letter("d")})
              .ok());
  REQUIRE(store->Confirm(1).ok());
  REQUIRE(store->MarkReplayed({3, 99}).ok());
  CHECK(ListedIds() == Ids{1, 2, 4});
  CHECK(ListedIds({0, 2, std::nullopt, false}) == Ids{1, 2});
  CHECK(store->List({0, 2, std::nullopt, false})->more);
  CHECK(ListedIds({2, 2, std::nullopt, true}) == Ids{3, 4});
  CHECK_FALSE(store->List({2, 2, std::nullopt, true})->more);
  CHECK(ListedIds({0, 10, RejectReason::kNull, true}) == Ids{2});
  CHECK(store->Get(3)->state == LetterState::kReplayed);
  LosePower();
  CHECK(store->Get(3)->state == LetterState::kReplayed);
  CHECK(store->totals().replayed == 1);
}

TEST_CASE_METHOD(DeadLettersTest, "Letters are purged by id, by age and by having been replayed") {
  DeadLetter young = Letter("young");
  young.time_ms = 2'000;
  REQUIRE(store->Keep(1, {Letter("a"), Letter("b"), young}).ok());
  CHECK(*store->Purge({}) == 0);  // nobody can name pending ones
  REQUIRE(store->Confirm(1).ok());
  CHECK(*store->Purge({{2, 50}, std::nullopt, false}) == 1);
  REQUIRE(store->MarkReplayed({3}).ok());
  CHECK(*store->Purge({{}, 1'500, true}) == 0);
  CHECK(*store->Purge({{}, 1'500, false}) == 1);
  CHECK(*store->Purge({{}, std::nullopt, true}) == 1);
  LosePower();
  CHECK(store->totals().live + store->totals().replayed == 0);
}

TEST_CASE("The pseudo-producer of a replay names its letter") {
  Uuid pipeline{};
  pipeline[15] = 1;
  const std::string producer = ReplayProducer(pipeline, 42);
  CHECK(producer == "dlq:00000000-0000-0000-0000-000000000001:42");
  CHECK(ReplayedLetter(pipeline, producer) == 42);
  CHECK(ReplayedLetter(Uuid{}, producer) == 0);
  CHECK(ReplayedLetter(pipeline, producer + "x") == 0);
}

}  // namespace
}  // namespace batchsql
