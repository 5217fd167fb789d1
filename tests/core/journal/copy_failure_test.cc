// Disks that cannot be read, or that fail while a copy of a journal is written.

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/journal/journal_inspect.h"
#include "core/journal/journal_recovery.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

constexpr Lsn kRows = 600;

std::string OutFolder(uint64_t n) { return absl::StrCat("data/out", n); }

// A closed journal of several segments.
void Fill(JournalFixture& journal) {
  REQUIRE(journal.Open().ok());
  REQUIRE(journal.journal().AppendClaim({3, {1, 2}, true}).ok());
  for (uint64_t sequence = 1; sequence <= kRows / 20; ++sequence) {
    journal.AppendAndAwait(20, sequence);
  }
  journal.Close();
}

using Call = std::function<absl::Status(FaultyEnv* env, const std::string& out)>;

// Each of what `batchsql journal` does.
std::vector<Call> Calls() {
  const std::string directory = JournalFixture::kDirectory;
  return {
      [=](FaultyEnv* env, const std::string&) { return VerifyJournal(env, directory).status(); },
      [=](FaultyEnv* env, const std::string&) {
        return DumpJournal(env, directory, [](std::string_view) {});
      },
      [=](FaultyEnv* env, const std::string& out) {
        return RepairJournal(env, directory, out).status();
      },
      [=](FaultyEnv* env, const std::string& out) {
        return AdoptJournal(env, directory, out, 301).status();
      },
  };
}

TEST_CASE("Whatever cannot be read is told as an error, and not as damage") {
  JournalFixture journal(16 << 10);
  Fill(journal);
  for (const Call& call : Calls()) {
    uint64_t n = 1;
    for (bool failed = true; failed; ++n) {
      FaultyEnv env;
      journal.env.CopyTo(&env);
      env.FailReading(n);
      const absl::Status status = call(&env, OutFolder(n));
      failed = !env.failure_is_due();
      INFO("reading " << n << ": " << status.ToString());
      REQUIRE((failed ? absl::IsUnavailable(status) : status.ok()));
    }
    CHECK(n > 10);
  }
}

TEST_CASE("Whatever fails while a copy is written, the copy is whole or an error is told") {
  JournalFixture journal(16 << 10);
  Fill(journal);
  const bool adopts = GENERATE(false, true);
  const Call call = Calls()[adopts ? 3 : 2];
  uint64_t errors = 0;
  bool failed = true;
  for (uint64_t n = 1; failed; ++n) {
    FaultyEnv env;
    journal.env.CopyTo(&env);
    env.FailOperation(n);
    const absl::Status status = call(&env, OutFolder(n));
    failed = !env.failure_is_due();
    INFO("operation " << n << ": " << status.ToString());
    env.Crash();
    if (!status.ok()) {
      REQUIRE(absl::IsUnavailable(status));
      ++errors;
      continue;
    }
    const auto report = VerifyJournal(&env, OutFolder(n));
    REQUIRE(report.ok());
    REQUIRE(report->sound());
    REQUIRE(report->rows == (adopts ? kRows - 300 : kRows));
  }
  CHECK(errors > 5);
}

TEST_CASE("A journal that cannot be read is not opened; once it can, nothing is missing") {
  JournalFixture journal(16 << 10);
  Fill(journal);
  uint64_t n = 1;
  for (bool failed = true; failed; ++n) {
    journal.env.FailReading(n);
    const absl::Status status = journal.Open();
    failed = !journal.env.failure_is_due();
    journal.env.FailReading(0);
    INFO("reading " << n << ": " << status.ToString());
    if (failed) REQUIRE(absl::IsUnavailable(status));
    if (!status.ok()) REQUIRE(journal.Open().ok());
    REQUIRE(journal.state.next_lsn == kRows + 1);
    const auto read = journal.ReadAll();
    REQUIRE(read.ok());
    REQUIRE(read->size() == kRows);
    journal.Close();
  }
  CHECK(n > 10);
}

TEST_CASE("Rows that cannot be read back now are read back later") {
  JournalFixture journal(16 << 10);
  Fill(journal);
  REQUIRE(journal.Open().ok());
  uint64_t n = 1;
  for (bool failed = true; failed; ++n) {
    journal.env.FailReading(n);
    const auto read = journal.ReadAll(4'000);
    failed = !journal.env.failure_is_due();
    journal.env.FailReading(0);
    INFO("reading " << n << ": " << read.status().ToString());
    REQUIRE((failed ? absl::IsUnavailable(read.status()) : read.ok()));
    const auto again = journal.ReadAll(4'000);
    REQUIRE(again.ok());
    REQUIRE(again->size() == kRows);
  }
  CHECK(n > 5);
}

TEST_CASE("Damage that comes while a journal is open is found when its rows are read back") {
  JournalFixture journal(16 << 10);
  Fill(journal);
  REQUIRE(journal.Open().ok());
  const std::string path = SegmentPath(JournalFixture::kDirectory, 3);
  std::string bytes = journal.env.Contents(path);
  const size_t middle = bytes.find_last_not_of('\0') / 2 + 2048;
  bytes.replace(middle, 16, 16, 'x');
  journal.env.SetContents(path, bytes);
  const auto read = journal.ReadAll(4'000);
  REQUIRE(absl::IsDataLoss(read.status()));
  const std::string message(read.status().message());
  CHECK(message.find(path + ", offset ") != std::string::npos);
  CHECK(message.find("batchsql journal repair data/t --out") != std::string::npos);
}

}  // namespace
}  // namespace batchsql
