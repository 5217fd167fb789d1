// Dead letters that cannot be read now, and what a dead process left half made.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dead_letters/dead_letters.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

constexpr char kFolder[] = "data/letters/t";

class LetterFailureTest {
 protected:
  // Four letters in files of two.
  LetterFailureTest() {
    for (const char* directory : {"data", "data/letters"}) {
      REQUIRE(env.MakeDirectory(directory).ok());
    }
    REQUIRE(Open().ok());
    for (uint64_t attempt = 1; attempt <= kLetters; ++attempt) {
      DeadLetter letter;
      letter.code = "23514";
      letter.cells = {
          {"text", ColumnType::kText, ColumnType::kText, false, 0, std::string(3'000, 'a')}};
      REQUIRE(store->Keep(attempt, {letter}).ok());
      REQUIRE(store->Confirm(attempt).ok());
    }
  }

  absl::Status Open() {
    store.reset();
    auto opened = DeadLetters::Open(&env, &space, {kFolder, 8'192, 8'192});
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
    return absl::OkStatus();
  }
  // Each reading that the call needs fails in turn: UNAVAILABLE then, and right without.
  template <typename Call>
  void FailEachReading(Call call) {
    uint64_t n = 1;
    for (bool failed = true; failed; ++n) {
      env.FailReading(n);
      const absl::Status status = call();
      failed = !env.failure_is_due();
      env.FailReading(0);
      INFO("reading " << n << ": " << status.ToString());
      REQUIRE((failed ? absl::IsUnavailable(status) : status.ok()));
      REQUIRE(call().ok());
    }
    CHECK(n > 2);
  }

  static constexpr uint64_t kLetters = 4;
  FaultyEnv env;
  LetterSpace space{&env, "data/letters", uint64_t{1} << 30};
  std::unique_ptr<DeadLetters> store;
};

TEST_CASE_METHOD(LetterFailureTest, "Letters that cannot be read are not taken for none") {
  SECTION("when they are opened") {
    FailEachReading([this] { return Open(); });
    CHECK(store->totals().live == kLetters);
  }
  SECTION("when they are listed") {
    FailEachReading([this] {
      const absl::StatusOr<LetterStore::Page> page = store->List({});
      if (page.ok()) CHECK(page->letters.size() == kLetters);
      return page.status();
    });
  }
  SECTION("when one is asked for") {
    FailEachReading([this] { return store->Get(3).status(); });
  }
}

TEST_CASE_METHOD(LetterFailureTest, "A file that was being made when the process died is removed") {
  const std::string half_made = std::string(kFolder) + "/0000000009.letters.new";
  env.SetContents(half_made, "half");
  REQUIRE(Open().ok());
  CHECK(env.Contents(half_made).empty());
  CHECK(store->totals().live == kLetters);
}

TEST_CASE_METHOD(LetterFailureTest, "Letters that are closed are UNAVAILABLE, whatever is asked") {
  store->Close();
  CHECK(absl::IsUnavailable(store->List({}).status()));
  CHECK(absl::IsUnavailable(store->Get(1).status()));
  CHECK(absl::IsUnavailable(store->Keep(9, {DeadLetter()})));
  CHECK(absl::IsUnavailable(store->Confirm(1)));
  CHECK(absl::IsUnavailable(store->Settle({})));
  CHECK(absl::IsUnavailable(store->OfRequests({}).status()));
  CHECK(absl::IsUnavailable(store->MarkReplayed({1})));
  CHECK(absl::IsUnavailable(store->Purge({}).status()));
  REQUIRE(Open().ok());
  CHECK(store->totals().live == kLetters);
}

TEST_CASE_METHOD(LetterFailureTest, "Marking what is gone changes nothing") {
  LetterSelection first;
  first.ids = {1};
  REQUIRE(store->Purge(first).ok());
  CHECK(absl::IsNotFound(store->Get(1).status()));
  CHECK(store->MarkReplayed({1, 99}).ok());
  CHECK(store->Purge(first).value() == 0);
  CHECK(store->totals().live == kLetters - 1);
  CHECK(store->totals().replayed == 0);
}

}  // namespace
}  // namespace batchsql
