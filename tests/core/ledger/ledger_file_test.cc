#include "core/ledger_file.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>

#include "core/journal/checksum.h"
#include "tests/support/faulty_env.h"

namespace batchsql {
namespace {

class LedgerFileTest {
 protected:
  LedgerFileTest() {
    if (!env.MakeDirectory("data").ok() || !env.SyncDirectory(".").ok()) {
      throw std::logic_error("no directory");
    }
  }

  std::unique_ptr<LedgerFile> Open() {
    absl::StatusOr<std::unique_ptr<LedgerFile>> file = LedgerFile::Open(&env, "data");
    if (!file.ok()) throw std::logic_error(std::string(file.status().message()));
    return *std::move(file);
  }
  static LedgerRecord Record(uint64_t number) {
    LedgerRecord record;
    record.pipeline[0] = 7;
    record.time_ms = number;
    record.through = 10 * number;
    record.frontier = 9 * number;
    record.intake = {number, 2, 3, 4, 5};
    record.slots = {number, 2, 3, 4, 5, {6, 7}};
    record.ended.Add(number, {8, 9});
    return record;
  }

  FaultyEnv env;
};

TEST_CASE_METHOD(LedgerFileTest, "A ledger is read as it was saved last, also after a power cut") {
  CHECK_FALSE(Open()->saved().has_value());
  for (uint64_t number = 1; number <= 6; number += 2) {
    const auto file = Open();
    REQUIRE(file->Save(Record(number)).ok());
    REQUIRE(file->Save(Record(number + 1)).ok());
    env.Crash();
    CHECK((Open()->saved() == Record(number + 1)));
  }
}

TEST_CASE_METHOD(LedgerFileTest, "A save that is cut short leaves the one before it") {
  auto file = Open();
  REQUIRE(file->Save(Record(1)).ok());
  REQUIRE(file->Save(Record(2)).ok());
  std::string bytes = env.Contents("data/ledger");
  const size_t place = GENERATE(size_t{0}, size_t{4096});
  bytes[place + 100] = static_cast<char>(bytes[place + 100] ^ 1);
  env.SetContents("data/ledger", bytes);
  CHECK(Open()->saved() == Record(place == 0 ? 1 : 2));  // the second save is the first place's
}

TEST_CASE_METHOD(LedgerFileTest, "A ledger that is damaged begins anew, a newer one is refused") {
  auto file = Open();
  REQUIRE(file->Save(Record(1)).ok());
  std::string bytes = env.Contents("data/ledger");
  SECTION("damaged") {
    bytes[4096 + 40] = static_cast<char>(bytes[4096 + 40] ^ 1);
    env.SetContents("data/ledger", bytes);
    file = Open();
    CHECK_FALSE(file->saved().has_value());
    REQUIRE(file->Save(Record(2)).ok());
    CHECK(Open()->saved() == Record(2));
  }
  SECTION("newer") {
    bytes = EncodeLedger(Record(2), 2);
    bytes[8] = 2;
    const uint64_t checksum = Checksum::Of(0, absl::MakeConstSpan(bytes).first(bytes.size() - 8));
    std::memcpy(bytes.data() + bytes.size() - 8, &checksum, 8);
    bytes.resize(8192);
    env.SetContents("data/ledger", bytes);
    CHECK(absl::IsFailedPrecondition(LedgerFile::Open(&env, "data").status()));
  }
  SECTION("cut off") {
    env.SetContents("data/ledger", "BSQL");
    CHECK_FALSE(Open()->saved().has_value());
  }
}

TEST_CASE_METHOD(LedgerFileTest, "Whatever fails once, the next save is whole") {
  for (uint64_t n = 1;; ++n) {
    FaultyEnv disk;
    REQUIRE(disk.MakeDirectory("data").ok());
    REQUIRE(disk.SyncDirectory(".").ok());
    auto file = *LedgerFile::Open(&disk, "data");
    REQUIRE(file->Save(Record(1)).ok());
    const uint64_t before = disk.operations();
    disk.FailOperation(n);
    uint64_t saved = 1;
    bool failed = false;
    for (uint64_t number = 2; number <= 6; ++number) {
      const bool ok = file->Save(Record(number)).ok();
      failed = failed || !ok;
      if (ok) saved = number;
    }
    disk.FailOperation(0);
    disk.Crash();
    INFO("operation " << n);
    CHECK(saved >= 5);
    CHECK(((*LedgerFile::Open(&disk, "data"))->saved() == Record(saved)));
    if (!failed) {
      CHECK(n > disk.operations() - before);
      break;
    }
  }
}

TEST_CASE_METHOD(LedgerFileTest, "A ledger that cannot be read is no new ledger") {
  REQUIRE(Open()->Save(Record(1)).ok());
  uint64_t n = 1;
  for (bool failed = true; failed; ++n) {
    env.FailReading(n);
    const auto file = LedgerFile::Open(&env, "data");
    failed = !env.failure_is_due();
    INFO("reading " << n);
    CHECK((failed ? absl::IsUnavailable(file.status()) : (*file)->saved() == Record(1)));
  }
  CHECK(n == 5);  // it is opened, and each of its places is read
}

TEST_CASE_METHOD(LedgerFileTest, "A full disk takes further saves") {
  auto file = Open();
  REQUIRE(file->Save(Record(1)).ok());
  env.SetCapacity(env.used_bytes());
  REQUIRE(file->Save(Record(2)).ok());
  CHECK(Open()->saved() == Record(2));
}

TEST_CASE("The rows of an hour are those of sixty minutes, but for letters that were replayed") {
  EndedRows rows;
  CHECK(rows.Sum(100).IntegrityRate() == 1);
  rows.Add(100, {97, 3});
  rows.Add(159, {100, 0});
  CHECK(rows.Sum(159) == EndedRows::Counts{197, 3});
  CHECK(rows.Sum(160) == EndedRows::Counts{100, 0});
  CHECK(rows.Sum(99) == EndedRows::Counts{0, 0});
  for (int i = 0; i < 4; ++i) rows.Forgive(100);
  rows.Forgive(101);
  CHECK(rows.Sum(159) == EndedRows::Counts{197, 0});
  rows.Add(160, {1, 1});  // in the place of minute 100
  rows.Add(100, {5, 5});
  CHECK(rows.Sum(160) == EndedRows::Counts{101, 1});
  CHECK(rows.Sum(160).IntegrityRate() == Approx(101.0 / 102));
}

TEST_CASE(
    "Rows that a clock which was set back dated later are not lost, nor are those after them") {
  EndedRows rows;
  rows.Add(1000, {5, 5});
  rows.Add(1060, {10, 1});  // in the place of minute 1000
  rows.Add(1061, {20, 2});
  rows.SetNow(1061);
  CHECK(rows.Sum(1061) == EndedRows::Counts{30, 3});
  for (const uint64_t now : {uint64_t{880}, uint64_t{881}}) {
    rows.SetNow(now);
    rows.Add(now, {1, 1});
  }
  CHECK(rows.Sum(881) == EndedRows::Counts{32, 5});
  CHECK(rows.Sum(1061) == EndedRows::Counts{0, 0});
  CHECK(rows.Sum(940) == EndedRows::Counts{1, 1});
}

TEST_CASE("A refused row that was counted a minute later is forgiven, and a later one is not") {
  EndedRows rows;
  rows.Add(101, {0, 1});
  rows.Add(102, {0, 1});
  for (int i = 0; i < 2; ++i) {
    rows.Forgive(100);
    CHECK(rows.Sum(102) == EndedRows::Counts{0, 1});
  }
}

}  // namespace
}  // namespace batchsql
