// What recovery makes of files that a crash tore or a disk damaged.

#include <catch2/catch.hpp>

#include "core/journal/journal_reader.h"
#include "core/journal/journal_recovery.h"
#include "tests/core/journal/journal_fixture.h"

namespace batchsql {
namespace {

// A journal as its directory holds it: one segment, or two.
struct Image {
  FaultyEnv env;
  std::vector<std::string> paths;
  Lsn next_lsn = 1;

  std::string Bytes(size_t segment) const { return env.Contents(paths[segment]); }
};

// Groups of one request with a few rows each; `marked`: closed with an end marker.
void MakeImage(int requests, uint64_t segment_bytes, bool marked, Image* image) {
  JournalFixture journal(segment_bytes);
  REQUIRE(journal.Open().ok());
  for (int i = 0; i < requests; ++i) journal.AppendAndAwait(i % 3, i + 1);
  REQUIRE(journal.journal().AppendClaim({1, {9}, false}).ok());
  journal.AppendAndAwait(2);
  image->next_lsn = journal.next_lsn;
  if (marked) {
    journal.Close();
  } else {
    journal.LosePower();
  }
  journal.env.CopyTo(&image->env);
  const auto numbers = ListSegments(&image->env, JournalFixture::kDirectory);
  REQUIRE(numbers.ok());
  for (const uint64_t number : *numbers) {
    image->paths.push_back(SegmentPath(JournalFixture::kDirectory, number));
  }
}

uint64_t DataEnd(const std::string& bytes) { return bytes.find_last_not_of('\0') + 1; }

// What recovery says of the image with one file changed.
struct Verdict {
  bool refused = false;
  std::string message;
  Lsn next_lsn = 0;
  uint64_t torn_bytes = 0;
  bool sound = false;  // all rows up to next_lsn are there and as they were written
};

bool ReadsSoundly(FaultyEnv* env, RecoveredJournal found) {
  const Lsn next_lsn = found.tip.next_lsn;
  const SegmentIndex index(std::move(found.segments));
  JournalReader reader(env, JournalFixture::kDirectory, found.tip.id, &index);
  for (Lsn at = 1; at < next_lsn;) {
    const absl::StatusOr<std::vector<QueuedBlock>> blocks = reader.Read(at, 1 << 20);
    if (!blocks.ok() || blocks->empty()) return false;
    for (const QueuedBlock& block : *blocks) {
      if (block.first_lsn() != at) return false;
      ColumnView id;
      for (uint32_t row = 0; row < block.rows.rows(); ++row) {
        if (!block.rows.FindColumn(0, &id) || id.u64(row) != at + row) return false;
      }
      at = block.last_lsn() + 1;
    }
  }
  return true;
}

Verdict Recover(const Image& image, size_t segment, const std::string& bytes) {
  FaultyEnv env;
  image.env.CopyTo(&env);
  env.SetContents(image.paths[segment], bytes);
  Verdict verdict;
  absl::StatusOr<RecoveredJournal> found = RecoverJournal(&env, JournalFixture::kDirectory);
  if (!found.ok()) {
    verdict.refused = absl::IsDataLoss(found.status());
    verdict.message = std::string(found.status().message());
    return verdict;
  }
  verdict.next_lsn = found->tip.next_lsn;
  verdict.torn_bytes = found->torn_bytes;
  verdict.sound = ReadsSoundly(&env, *std::move(found));
  return verdict;
}

TEST_CASE("A journal cut off anywhere loses its end or is refused, and is never misread") {
  const bool marked = GENERATE(false, true);
  Image image;
  MakeImage(60, 64 << 10, marked, &image);
  REQUIRE(image.paths.size() == 1);
  const std::string bytes = image.Bytes(0);
  const uint64_t end = DataEnd(bytes);
  REQUIRE(end > 2 * kSectorBytes);
  CHECK(Recover(image, 0, bytes).next_lsn == image.next_lsn);
  CHECK(Recover(image, 0, bytes).torn_bytes == 0);
  Lsn last = 0;
  for (uint64_t size = end - kSectorBytes; size <= bytes.size(); ++size) {
    const Verdict verdict = Recover(image, 0, bytes.substr(0, size));
    if (!verdict.sound || verdict.next_lsn < last || verdict.torn_bytes > 400) {
      FAIL("cut at " << size << ": " << verdict.message << " " << verdict.next_lsn);
    }
    last = verdict.next_lsn;
  }
  CHECK(last == image.next_lsn);
  for (uint64_t size = 0; size < kSectorBytes; ++size) {
    REQUIRE(Recover(image, 0, bytes.substr(0, size)).refused);
  }
}

TEST_CASE("A segment that another follows may not be cut off or changed") {
  Image image;
  MakeImage(120, 16 << 10, false, &image);
  REQUIRE(image.paths.size() > 1);
  const std::string bytes = image.Bytes(0);
  const uint64_t end = DataEnd(bytes);
  for (uint64_t size = end - 500; size < end; ++size) {
    REQUIRE(Recover(image, 0, bytes.substr(0, size)).refused);
  }
  for (uint64_t at = end - 500; at < end; ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    const Verdict verdict = Recover(image, 0, flipped);
    REQUIRE(verdict.refused);
    REQUIRE(verdict.message.find("0000000000000001.segment, offset ") != std::string::npos);
    REQUIRE(verdict.message.find("batchsql journal repair data/t --out") != std::string::npos);
  }
}

TEST_CASE("A bit that flips in a segment's header is damage") {
  Image image;
  MakeImage(4, 64 << 10, true, &image);
  const std::string bytes = image.Bytes(0);
  for (size_t bit = 0; bit < kSectorBytes * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    if (!Recover(image, 0, flipped).refused) FAIL("bit " << bit);
  }
}

// Offsets of the records, by reading them.
std::vector<uint64_t> Records(Image& image) {
  const auto file = image.env.Open(image.paths[0], false);
  const auto header = ReadSegmentHeader(**file);
  REQUIRE(header.ok());
  SegmentReader reader(file->get(), RecordSeed(header->header.id, 1), header->bytes,
                       *(*file)->Size());
  std::vector<uint64_t> offsets;
  for (auto found = reader.Next(); *found == SegmentReader::Found::kRecord; found = reader.Next()) {
    offsets.push_back(reader.record_offset());
  }
  return offsets;
}

TEST_CASE("A bit that flips in a record is damage, but for the last group's, which is cut") {
  const bool marked = GENERATE(false, true);
  Image image;
  MakeImage(6, 64 << 10, marked, &image);
  const std::string bytes = image.Bytes(0);
  const std::vector<uint64_t> records = Records(image);
  REQUIRE(records.size() == (marked ? 9 : 8));  // six requests, a claim, a request
  for (size_t i = 0; i < records.size(); ++i) {
    const bool last = i + 1 == records.size();
    const uint64_t end = last ? DataEnd(bytes) : records[i + 1];
    for (size_t bit = records[i] * 8; bit < end * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const Verdict verdict = Recover(image, 0, flipped);
      if (verdict.refused == last) FAIL("record " << i << " bit " << bit);
      if (!last) continue;
      if (!verdict.sound || verdict.torn_bytes == 0) FAIL("record " << i << " bit " << bit);
      REQUIRE(verdict.next_lsn == image.next_lsn - (marked ? 0 : 2));
    }
  }
}

TEST_CASE("Records of one group that reached the disk out of order are a torn end") {
  Image image;
  JournalFixture journal;
  REQUIRE(journal.Open().ok());
  journal.AppendAndAwait(1);
  Mutex mutex;
  CondVar changed;
  bool blocked = false;
  bool go_on = false;
  journal.env.OnSync([&] {
    MutexLock lock(mutex);
    blocked = true;
    changed.NotifyAll();
    while (!go_on) changed.Wait(mutex);
  });
  REQUIRE(journal.Append(1).ok());
  {
    MutexLock lock(mutex);
    while (!blocked) changed.Wait(mutex);
    for (int i = 0; i < 3; ++i) REQUIRE(journal.Append(1).ok());
    go_on = true;
    changed.NotifyAll();
  }
  journal.AwaitSynced(5);
  journal.LosePower();
  journal.env.CopyTo(&image.env);
  image.paths = {SegmentPath(JournalFixture::kDirectory, 1)};
  const std::vector<uint64_t> records = Records(image);
  REQUIRE(records.size() == 5);
  std::string bytes = image.Bytes(0);
  bytes.replace(records[2], 100, 100, '\0');  // the first of the last group's three
  const Verdict torn = Recover(image, 0, bytes);
  CHECK(torn.sound);
  CHECK(torn.next_lsn == 3);
  CHECK(torn.torn_bytes == DataEnd(bytes) - records[2]);
  bytes = image.Bytes(0);
  bytes.replace(records[1], 100, 100, '\0');  // a group that was synced before the last was begun
  CHECK(Recover(image, 0, bytes).refused);
}

TEST_CASE("Missing segments are damage, but for the leading ones, which may have been trimmed") {
  Image image;
  MakeImage(300, 16 << 10, false, &image);
  REQUIRE(image.paths.size() > 3);
  FaultyEnv env;
  image.env.CopyTo(&env);
  REQUIRE(env.Remove(image.paths[0]).ok());
  const auto trimmed = RecoverJournal(&env, JournalFixture::kDirectory);
  REQUIRE(trimmed.ok());
  CHECK(trimmed->segments.front().first_lsn > 1);
  CHECK(trimmed->tip.next_lsn == image.next_lsn);
  REQUIRE(env.Remove(image.paths[2]).ok());
  const auto gap = RecoverJournal(&env, JournalFixture::kDirectory);
  CHECK(absl::IsDataLoss(gap.status()));
  CHECK(gap.status().message().find("segment 3 is missing") != absl::string_view::npos);
}

TEST_CASE("A segment of another journal, or under another number, is refused") {
  Image image;
  MakeImage(120, 16 << 10, false, &image);
  Image other;
  MakeImage(120, 16 << 10, false, &other);
  CHECK(Recover(image, 1, other.Bytes(1)).refused);
  CHECK(Recover(image, 1, image.Bytes(0)).refused);
}

TEST_CASE("A journal of a newer version is refused with both versions, as no damage") {
  Image image;
  MakeImage(1, 16 << 10, false, &image);
  std::string bytes = image.Bytes(0);
  bytes[8] = 2;
  CHECK(Recover(image, 0, bytes).refused);  // a version that does not fit its checksum
  bytes.resize(kSectorBytes);
  SetHeaderChecksum(&bytes);
  FaultyEnv env;
  env.SetContents(image.paths[0], bytes);
  const auto found = RecoverJournal(&env, JournalFixture::kDirectory);
  CHECK(absl::IsFailedPrecondition(found.status()));
  CHECK(found.status().message().find("version 2") != absl::string_view::npos);
}

}  // namespace
}  // namespace batchsql
