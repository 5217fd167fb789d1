#include "core/dead_letters/letter_inspect.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dead_letters/dead_letters.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

using Ids = std::vector<uint64_t>;

constexpr char kFolder[] = "data/letters/t";
constexpr char kCopy[] = "data/letters/copy";
constexpr char kFile[] = "data/letters/t/0000000001.letters";

class InspectTest {
 protected:
  InspectTest() {
    for (const char* directory : {"data", "data/letters"}) {
      REQUIRE(env.MakeDirectory(directory).ok());
    }
    store = Open(kFolder);
  }

  std::unique_ptr<DeadLetters> Open(const std::string& folder) {
    auto opened = DeadLetters::Open(&env, &space, {folder, 8'192, 8'192});
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  static DeadLetter Letter(const std::string& text) {
    DeadLetter letter;
    letter.code = "23514";
    letter.producer_id = "p";
    letter.cells = {{"text", ColumnType::kText, ColumnType::kText, false, 0, text}};
    return letter;
  }
  void Keep(uint64_t attempt, const std::string& text, bool confirm = true) {
    REQUIRE(store->Keep(attempt, {Letter(text)}).ok());
    if (confirm) REQUIRE(store->Confirm(attempt).ok());
  }
  // Changes a byte of the letter with this text.
  void Damage(const std::string& text, const std::string& file = kFile) {
    store.reset();
    std::string bytes = env.Contents(file);
    const size_t at = bytes.find(text);
    REQUIRE(at != std::string::npos);
    bytes[at] = '#';
    env.SetContents(file, bytes);
  }

  LettersReport Verify(const std::string& folder = kFolder) {
    absl::StatusOr<LettersReport> report = VerifyLetters(&env, folder);
    INFO(report.status().ToString());
    REQUIRE(report.ok());
    return *std::move(report);
  }
  LettersReport Repair() {
    const std::string before = env.Contents(kFile);
    absl::StatusOr<LettersReport> report = RepairLetters(&env, kFolder, kCopy);
    INFO(report.status().ToString());
    REQUIRE(report.ok());
    CHECK(env.Contents(kFile) == before);
    CHECK(Verify(kCopy).sound());
    store = Open(kCopy);
    return *std::move(report);
  }
  // Of the copy, as "id text state".
  std::vector<std::string> Letters() {
    LetterQuery query;
    query.replayed = true;
    std::vector<std::string> letters;
    const absl::StatusOr<LetterStore::Page> page = store->List(query);
    REQUIRE(page.ok());
    for (const KeptLetter& kept : page->letters) {
      letters.push_back(std::to_string(kept.letter.id) + " " + kept.letter.cells[0].bytes +
                        (kept.state == LetterState::kReplayed ? " replayed" : " live"));
    }
    return letters;
  }

  FaultyEnv env;
  LetterSpace space{&env, "data/letters", uint64_t{1} << 30};
  std::unique_ptr<DeadLetters> store;
};

using Strings = std::vector<std::string>;

TEST_CASE_METHOD(InspectTest, "Sound letters are verified, and copied as they are") {
  for (uint64_t id = 1; id <= 6; ++id) {
    Keep(id, std::string(3'000, static_cast<char>('a' + id)), id != 5);
  }
  REQUIRE(store->MarkReplayed({2}).ok());
  LetterSelection third;
  third.ids = {3};
  REQUIRE(store->Purge(third).ok());
  store.reset();
  const LettersReport report = Verify();
  CHECK(report.sound());
  CHECK(report.files >= 3);
  CHECK((report.live == 3 && report.replayed == 1 && report.pending == 1));
  CHECK((report.lost.empty() && report.uncertain.empty() && report.torn_bytes == 0));
  const LettersReport repaired = Repair();
  CHECK(repaired.sound());
  SlotRow slot;
  slot.attempt = 5;
  REQUIRE(store->Settle({slot}).ok());
  CHECK(store->totals().live == 4);
  CHECK(store->totals().replayed == 1);
  Keep(9, "new");
  CHECK(store->Get(7).ok());
}

TEST_CASE_METHOD(InspectTest, "What a torn end holds is no damage") {
  Keep(1, "first");
  Keep(2, "second", false);
  Damage("second");
  const LettersReport report = Verify();
  CHECK(report.sound());
  CHECK(report.torn_bytes > 0);
  CHECK(report.live == 1);
}

TEST_CASE_METHOD(InspectTest, "A damaged letter is lost, and what it may have told of is said") {
  Keep(1, "first");
  Keep(2, "second");
  Keep(3, "third", false);
  Keep(4, "fourth");
  Keep(5, "fifth");
  REQUIRE(store->MarkReplayed({1, 5}).ok());
  Damage("fourth");
  const LettersReport report = Repair();
  REQUIRE(report.problems.size() == 1);
  CHECK_THAT(report.problems[0], Catch::StartsWith(std::string(kFile) + " at offset "));
  CHECK(report.lost_bytes > 0);
  REQUIRE(report.lost.size() == 1);
  CHECK((report.lost[0].first == 4 && report.lost[0].last == 4));
  CHECK(report.uncertain == Ids{2, 3});
  CHECK(Letters() ==
        Strings{"1 first replayed", "2 second live", "3 third live", "5 fifth replayed"});
  CHECK(store->Get(3)->letter.attempt == 0);
  CHECK(store->Get(2)->letter.attempt == 2);
  Keep(9, "new");
  CHECK(Letters().back().ends_with("new live"));
  CHECK_FALSE(store->Get(6).ok());  // ids of what is lost are not given again
}

TEST_CASE_METHOD(InspectTest, "A file that is missing or has no header is lost, and no other") {
  for (uint64_t id = 1; id <= 4; ++id) {
    Keep(id, std::string(7'000, static_cast<char>('a' + id)));
  }
  store.reset();
  const std::string second = "data/letters/t/0000000002.letters";
  if (GENERATE(true, false)) {
    REQUIRE(env.Remove(second).ok());
  } else {
    std::string bytes = env.Contents(second);
    bytes[20] ^= 1;
    env.SetContents(second, bytes);
  }
  const LettersReport report = Repair();
  CHECK(report.problems.size() == 1);
  REQUIRE(report.lost.size() == 1);
  CHECK((report.lost[0].first == 2 && report.lost[0].last == 2));
  CHECK(report.uncertain == Ids{1});
  CHECK(store->totals().live == 3);
}

TEST_CASE_METHOD(InspectTest, "Letters that cannot be read are told as an error, not as damage") {
  for (uint64_t id = 1; id <= 4; ++id) Keep(id, std::string(3'000, 'a'));
  store.reset();
  const bool repairs = GENERATE(false, true);
  uint64_t n = 1;
  for (bool failed = true; failed; ++n) {
    const std::string out = std::string(kCopy) + std::to_string(n);
    env.FailReading(n);
    const absl::Status status = repairs ? RepairLetters(&env, kFolder, out).status()
                                        : VerifyLetters(&env, kFolder).status();
    failed = !env.failure_is_due();
    INFO("reading " << n << ": " << status.ToString());
    REQUIRE((failed ? absl::IsUnavailable(status) : status.ok()));
  }
  CHECK(n > 5);
}

TEST_CASE_METHOD(InspectTest, "Whatever fails while a copy is written, it is whole or not told") {
  for (uint64_t id = 1; id <= 4; ++id) Keep(id, std::string(3'000, 'a'));
  store.reset();
  uint64_t errors = 0;
  bool failed = true;
  for (uint64_t n = 1; failed; ++n) {
    const std::string out = std::string(kCopy) + std::to_string(n);
    env.FailOperation(n);
    const absl::Status status = RepairLetters(&env, kFolder, out).status();
    failed = !env.failure_is_due();
    INFO("operation " << n << ": " << status.ToString());
    if (!status.ok()) {
      REQUIRE(absl::IsUnavailable(status));
      ++errors;
      continue;
    }
    const LettersReport copy = Verify(out);
    REQUIRE(copy.sound());
    REQUIRE(copy.live == 4);
  }
  CHECK(errors > 3);
}

TEST_CASE_METHOD(InspectTest, "A folder without letters, and a copy over another, are refused") {
  CHECK(absl::IsNotFound(VerifyLetters(&env, kFolder).status()));
  Keep(1, "first");
  store.reset();
  REQUIRE(RepairLetters(&env, kFolder, kCopy).ok());
  CHECK(absl::IsAlreadyExists(RepairLetters(&env, kFolder, kCopy).status()));
}

}  // namespace
}  // namespace batchsql
