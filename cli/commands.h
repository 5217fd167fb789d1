#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "batchsql/v1/ingest.pb.h"
#include "cli/loader.h"

namespace batchsql::cli {

// What the program exits with.
inline constexpr int kExitOk = 0;
inline constexpr int kExitRejected = 1;       // some rows were refused
inline constexpr int kExitUsage = 2;          // wrong use, missing file, malformed input
inline constexpr int kExitServer = 3;         // not reached, refused, or lost
inline constexpr int kExitDamaged = 1;        // a journal or dead letters have lost something
inline constexpr int kExitMismatch = 1;       // a table is not as its ledger says
inline constexpr int kExitInterrupted = 130;  // by the user, as shells have it

struct ServerAddress {
  std::string address;
  std::chrono::milliseconds connect_deadline{5000};
};

struct LoadCommand {
  ServerAddress server;
  std::string path;
  std::string rejects_path;
  LoadOptions options;
};

// `batchsql load`. Its last line on standard output is `load: rows=… rejected=… seconds=…`.
int RunLoad(const LoadCommand& command);

// `batchsql tables [TABLE]`: the tables, or the columns of one.
int RunTables(const ServerAddress& server, const std::string& table, bool json);

// `batchsql tables reconcile`. Its last line on standard output is `reconcile: table=… waiting=…
// drift=yes|no`.
struct ReconcileCommand {
  ServerAddress server;
  std::string table;
  std::vector<std::string> ignored_columns;
  bool json = false;
};
int RunReconcile(const ReconcileCommand& command);

// `batchsql status`.
int RunStatus(const ServerAddress& server, bool json);

// `batchsql audit`: of one table, or of all.
struct AuditCommand {
  ServerAddress server;
  std::string table;  // empty: all
  bool json = false;
};
// Its last lines on standard output are `audit: table=… acknowledged=… in_target=… missing=…
// extra=… …`, one for each table.
int RunAudit(const AuditCommand& command);

// `batchsql dlq …`, each with its part of it.
struct LettersCommand {
  ServerAddress server;
  std::string table;
  std::vector<uint64_t> ids;
  bool all = false;
  bool replayed = false;
  // list
  uint64_t after = 0;
  uint32_t limit = 100;
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
  bool json = false;
  std::string path;    // replay
  std::string before;  // purge
  bool yes = false;    // purge
};
int RunLettersList(const LettersCommand& command);
// One line of JSON each.
int RunLettersShow(const LettersCommand& command);
// Its last line on standard output is `replay: replayed=… repeated=… refused=…`.
int RunLettersReplay(const LettersCommand& command);
// Its last line on standard output is `purge: purged=…`.
int RunLettersPurge(const LettersCommand& command);

// Of the folder of one pipeline's dead letters, while no daemon has it open.
struct LettersFolderCommand {
  std::string directory;
  std::string out;  // repair: where the copy goes
};

// `batchsql dlq verify|repair`.
int RunLettersVerify(const LettersFolderCommand& command);
int RunLettersRepair(const LettersFolderCommand& command);

// `batchsql producers …`, each with its part of it.
struct ProducersCommand {
  ServerAddress server;
  std::string table;
  std::vector<std::string> ids;  // remove
  std::string after;             // list
  uint32_t limit = 100;          // list
  bool json = false;             // list
};
int RunProducersList(const ProducersCommand& command);
// Its last line on standard output is `remove: removed=… waiting=… unknown=…`.
int RunProducersRemove(const ProducersCommand& command);

struct GenerateCommand {
  std::string workload = "w";
  uint64_t rows = 0;
  uint64_t seed = 1;
  FileFormat format = FileFormat::kCsv;
  std::string path = "-";
};

// `batchsql generate`.
int RunGenerate(const GenerateCommand& command);

// Of the directory of one pipeline's journal, while no daemon has it open.
struct JournalCommand {
  std::string directory;
  std::string out;        // repair, adopt: where the copy goes
  uint64_t from_lsn = 0;  // adopt: leave out what comes before; 0: nothing
};

// `batchsql journal verify|dump|repair|adopt`.
int RunJournalVerify(const JournalCommand& command);
int RunJournalDump(const JournalCommand& command);
int RunJournalRepair(const JournalCommand& command);
int RunJournalAdopt(const JournalCommand& command);

}  // namespace batchsql::cli
