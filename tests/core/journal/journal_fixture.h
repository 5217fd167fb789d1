#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/journal/journal.h"
#include "tests/support/faulty_env.h"
#include "tests/support/rows.h"
#include "tests/support/simulated_clock.h"

namespace batchsql {

// A table of (id, a, b) and one with a text column more.
std::shared_ptr<const TableSchema> JournalTable();
std::shared_ptr<const TableSchema> WiderJournalTable();

// A request for `rows` rows whose ids are its LSNs; sequence 0: of no producer.
QueuedBlock TestRequest(const std::shared_ptr<const TableSchema>& schema, Lsn first_lsn,
                        uint32_t rows, uint64_t sequence = 0);

// One journal on a faulty disk, opened and closed at will, and what it said was synced.
class JournalFixture {
 public:
  static constexpr char kDirectory[] = "data/t";

  explicit JournalFixture(uint64_t segment_bytes = uint64_t{64} << 10);
  ~JournalFixture();

  absl::Status Open();
  Journal& journal() { return *journal_; }
  // Takes the next LSNs. Counts a request's sequence when it has one.
  absl::Status Append(uint32_t rows, uint64_t sequence = 0,
                      Journal::Urgency urgency = Journal::Urgency::kAtOnce);
  absl::Status Append(const std::shared_ptr<const TableSchema>& schema, uint32_t rows,
                      uint64_t sequence = 0, Journal::Urgency urgency = Journal::Urgency::kAtOnce);
  // Waits until so much is synced.
  void AwaitSynced(Lsn lsn);
  // The same, moving the time on where that is what the journal waits for.
  void AwaitSyncedOrAdvance(Lsn lsn);
  // False: an error came first.
  bool AwaitSyncedOrError(Lsn lsn);
  void AwaitError();
  void AppendAndAwait(uint32_t rows, uint64_t sequence = 0);
  Lsn synced_lsn();
  std::vector<size_t> groups();  // requests in each group that was called back
  // The process stops without a word; then the machine may lose its power, with so many bytes of
  // what was last written on its disk.
  void Kill();
  void LosePower(uint64_t kept_bytes = 0);
  void Close();
  // Every row that can be read, as "lsn id".
  absl::StatusOr<std::vector<Lsn>> ReadAll(uint64_t bytes_max = 1000);

  FaultyEnv env;
  DiskBudget disk{uint64_t{1} << 40};
  SimulatedClock clock;
  Journal::Options options;
  JournalState state;  // as last opened
  Lsn next_lsn = 1;

 private:
  std::unique_ptr<Journal> journal_;
  Lsn called_back_ = 0;  // the journal's thread's
  Mutex mutex_;
  CondVar changed_;
  Lsn synced_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<size_t> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace batchsql
