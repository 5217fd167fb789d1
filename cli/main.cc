// batchsql: the command-line client of batchsqld.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "cli/commands.h"
#include "cli/doctor/command_line.h"
#include "cli/generator.h"
#include "cli/monitoring/command_line.h"
#include "cli/version.h"
#include "core/rejection.h"

namespace batchsql::cli {
namespace {

constexpr char kDefaultServer[] = "127.0.0.1:50051";

const std::map<std::string, FileFormat> kFormats = {{"csv", FileFormat::kCsv},
                                                    {"ndjson", FileFormat::kNdjson}};
const std::map<std::string, v1::AckLevel> kAckLevels = {{"memory", v1::ACK_LEVEL_MEMORY},
                                                        {"journal", v1::ACK_LEVEL_JOURNAL},
                                                        {"database", v1::ACK_LEVEL_DATABASE}};

// What the command line says; run once it is read.
using Run = std::function<int()>;

void AddServer(CLI::App* command, ServerAddress* server) {
  server->address = kDefaultServer;
  command->add_option("--server", server->address, "The daemon's gRPC address")
      ->envname("BATCHSQL_SERVER")
      ->capture_default_str();
}

template <typename T>
CLI::Option* AddChoice(CLI::App* command, const std::string& name, T* value,
                       const std::map<std::string, T>& choices, const std::string& what) {
  std::string names;
  for (const auto& [choice, unused] : choices) names += (names.empty() ? "" : "|") + choice;
  return command->add_option(name, *value, what)
      ->transform(CLI::CheckedTransformer(choices))
      ->option_text(names);
}

// Where --format is not given, the file's name tells.
FileFormat FormatOf(const std::string& path) {
  for (const char* ending : {".ndjson", ".jsonl", ".json"}) {
    if (path.ends_with(ending)) return FileFormat::kNdjson;
  }
  return FileFormat::kCsv;
}

void AddLoad(CLI::App& app, LoadCommand* load, Run* run) {
  CLI::App* const command = app.add_subcommand("load", "Load a file into a table");
  command->add_option("FILE", load->path, "CSV with a header, or NDJSON; - for standard input")
      ->required();
  command->add_option("--table", load->options.stream.table, "The table")->required();
  CLI::Option* const format =
      AddChoice(command, "--format", &load->options.format, kFormats,
                "Format of the file; by default as its name says, else csv");
  AddChoice(command, "--ack", &load->options.stream.ack, kAckLevels,
            "What a row must have reached to count; default database");
  AddServer(command, &load->server);
  command->add_option("--rows-per-message", load->options.limits.rows_max, "Most rows in a message")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--batch-bytes", load->options.limits.bytes_max,
                   "Most bytes of cells in a message")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 30U))
      ->capture_default_str();
  command->add_option("--null", load->options.null_text,
                      "CSV: the text that means NULL; by default an empty field without quotes");
  command->add_option("--rejects", load->rejects_path,
                      "Write the refused rows' lines and reasons to this file, as NDJSON");
  command->callback([load, run, format] {
    if (format->count() == 0) load->options.format = FormatOf(load->path);
    *run = [load] { return RunLoad(*load); };
  });
}

void AddGenerate(CLI::App& app, GenerateCommand* generate, Run* run) {
  CLI::App* const command = app.add_subcommand("generate", "Write rows made from a seed");
  command->add_option("--rows", generate->rows, "How many")->required();
  command->add_option("--seed", generate->seed, "The same seed makes the same rows")
      ->capture_default_str();
  command->add_option("--workload", generate->workload, Generator::WorkloadNames())
      ->capture_default_str();
  AddChoice(command, "--format", &generate->format, kFormats, "Default csv");
  command->add_option("-o,--output", generate->path, "File; by default standard output");
  command->callback([generate, run] { *run = [generate] { return RunGenerate(*generate); }; });
}

void AddReconcile(CLI::App* tables, ReconcileCommand* reconcile, Run* run) {
  CLI::App* const command = tables->add_subcommand(
      "reconcile",
      "Write the rows that wait and do not fit their altered table, as far as they do");
  command->add_option("TABLE", reconcile->table, "The table")->required();
  command
      ->add_option("--ignore-column", reconcile->ignored_columns,
                   "Leave out what they have for this column, which the table lacks")
      ->allow_extra_args(false);
  command->add_flag("--json", reconcile->json, "As JSON");
  AddServer(command, &reconcile->server);
  command->callback([=] { *run = [=] { return RunReconcile(*reconcile); }; });
}

void AddStatus(CLI::App& app, ServerAddress* server, std::string* table, bool* json,
               ReconcileCommand* reconcile, Run* run) {
  CLI::App* const status = app.add_subcommand("status", "What the daemon is doing");
  CLI::App* const tables = app.add_subcommand("tables", "The tables, or the columns of one");
  tables->add_option("TABLE", *table, "Only this one, with its columns");
  for (CLI::App* command : {status, tables}) {
    AddServer(command, server);
    command->add_flag("--json", *json, "As JSON");
  }
  status->callback([=] { *run = [=] { return RunStatus(*server, *json); }; });
  AddReconcile(tables, reconcile, run);
  tables->callback([=] {
    if (!tables->get_subcommands().empty()) return;  // its own callback has said what to run
    *run = [=] { return RunTables(*server, *table, *json); };
  });
}

void AddAudit(CLI::App& app, AuditCommand* audit, Run* run) {
  CLI::App* const command =
      app.add_subcommand("audit", "Compare what was committed with what the tables hold");
  command->add_option("--table", audit->table, "Only this one");
  command->add_flag("--json", audit->json, "As JSON");
  AddServer(command, &audit->server);
  command->callback([=] { *run = [=] { return RunAudit(*audit); }; });
}

std::map<std::string, v1::RejectReason> Reasons() {
  std::map<std::string, v1::RejectReason> reasons;
  for (int reason = v1::REJECT_REASON_UNKNOWN_COLUMN; reason < v1::RejectReason_ARRAYSIZE;
       ++reason) {
    reasons.emplace(RejectReasonName(static_cast<RejectReason>(reason)),
                    static_cast<v1::RejectReason>(reason));
  }
  return reasons;
}

CLI::App* AddLetterCommand(CLI::App* letters, const std::string& name, const std::string& what,
                           LettersCommand* command, int (*run_command)(const LettersCommand&),
                           Run* run) {
  CLI::App* const added = letters->add_subcommand(name, what);
  added->add_option("--table", command->table, "The table")->required();
  AddServer(added, &command->server);
  added->callback([=] { *run = [=] { return run_command(*command); }; });
  return added;
}

CLI::Option* AddIds(CLI::App* command, LettersCommand* letters) {
  return command->add_option("ID", letters->ids, "Ids of dead letters")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 62U));
}

void AddLettersFolder(CLI::App* letters, LettersFolderCommand* folder, Run* run) {
  const auto add = [&](const char* name, const char* what,
                       int (*action)(const LettersFolderCommand&)) {
    CLI::App* const sub = letters->add_subcommand(name, what);
    sub->add_option("DIR", folder->directory, "A table's folder of letters; no daemon may use it")
        ->required();
    sub->callback([=] { *run = [=] { return action(*folder); }; });
    return sub;
  };
  add("verify", "Read a table's letters from the disk and say what is wrong", RunLettersVerify);
  add("repair", "Copy what can be read of them, and list what is lost", RunLettersRepair)
      ->add_option("--out", folder->out, "The copy's directory: new or empty")
      ->required();
}

void AddLetters(CLI::App& app, LettersCommand* letters, LettersFolderCommand* folder, Run* run) {
  CLI::App* const command = app.add_subcommand("dlq", "Rows that a database refused: dead letters");
  command->require_subcommand(1);

  CLI::App* const list = AddLetterCommand(command, "list", "How many there are, and which", letters,
                                          RunLettersList, run);
  list->add_option("--after", letters->after, "Only those with a greater id");
  list->add_option("--limit", letters->limit, "The most to list")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddChoice(list, "--reason", &letters->reason, Reasons(), "Only those refused for it");
  list->add_flag("--replayed", letters->replayed, "Those that were replayed too");
  list->add_flag("--json", letters->json, "As JSON");

  AddIds(AddLetterCommand(command, "show", "Dead letters with their rows, one line of JSON each",
                          letters, RunLettersShow, run),
         letters)
      ->required();

  CLI::App* const replay = AddLetterCommand(command, "replay", "Write rows again, each once",
                                            letters, RunLettersReplay, run);
  CLI::Option_group* const which = replay->add_option_group("which");
  AddIds(which, letters);
  which->add_flag("--all", letters->all, "Every one that was not replayed");
  which->add_option("--from-file", letters->path,
                    "Lines as `show` prints them, with their rows edited; - for standard input");
  which->require_option(1);

  CLI::App* const purge = AddLetterCommand(command, "purge", "Remove dead letters for good",
                                           letters, RunLettersPurge, run);
  CLI::Option_group* const gone = purge->add_option_group("which");
  AddIds(gone, letters);
  gone->add_flag("--replayed", letters->replayed, "Those that were replayed");
  gone->add_option("--before", letters->before, "Those refused before, as 2026-01-31T12:00:00Z");
  gone->add_flag("--all", letters->all, "Every one; with --yes");
  gone->require_option(1, 0);
  purge->add_flag("--yes", letters->yes, "Do not ask back");

  AddLettersFolder(command, folder, run);
}

void AddProducers(CLI::App& app, ProducersCommand* producers, Run* run) {
  CLI::App* const command =
      app.add_subcommand("producers", "Clients that number their requests, as a table knows them");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*action)(const ProducersCommand&)) {
    CLI::App* const sub = command->add_subcommand(name, what);
    sub->add_option("--table", producers->table, "The table")->required();
    AddServer(sub, &producers->server);
    sub->callback([=] { *run = [=] { return action(*producers); }; });
    return sub;
  };
  CLI::App* const list = add("list", "Which there are, and how far they came", RunProducersList);
  list->add_option("--after", producers->after, "Only those with a greater id");
  list->add_option("--limit", producers->limit, "The most to list")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  list->add_flag("--json", producers->json, "As JSON");
  add("remove", "Forget producers: each may begin anew", RunProducersRemove)
      ->add_option("ID", producers->ids, "Their producer_id")
      ->required();
}

void AddJournal(CLI::App& app, JournalCommand* journal, Run* run) {
  CLI::App* const command =
      app.add_subcommand("journal", "Look at a pipeline's journal, or copy what is left of it");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*action)(const JournalCommand&)) {
    CLI::App* const sub = command->add_subcommand(name, what);
    sub->add_option("DIR", journal->directory, "The journal's directory; no daemon may use it")
        ->required();
    sub->callback([=] { *run = [=] { return action(*journal); }; });
    return sub;
  };
  add("verify", "Read every record and say what is wrong", RunJournalVerify);
  add("dump", "One line for every record, without rows' values", RunJournalDump);
  CLI::App* const repair =
      add("repair", "Copy what can be read, and list what is lost", RunJournalRepair);
  CLI::App* const adopt =
      add("adopt", "Copy under a new identity, numbered from 1", RunJournalAdopt);
  for (CLI::App* sub : {repair, adopt}) {
    sub->add_option("--out", journal->out, "The copy's directory: new or empty")->required();
  }
  adopt->add_option("--from-lsn", journal->from_lsn, "Leave out what comes before this LSN");
}

int Main(int argc, char** argv) {
  CLI::App app("Command-line client of batchsqld", "batchsql");
  app.set_version_flag("--version", std::string("batchsql ") + kVersion);
  // A command whose callback waits for the end takes its environment variables even where another
  // is asked for, and what they share is then not what the command line says.
  app.immediate_callback();
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done; 1 some rows were refused, a journal is damaged, a table is not as its\n"
      "ledger says, or the doctor found a problem; 2 wrong use, missing file or malformed\n"
      "input; 3 the server was not reached, refused, or was lost; 130 interrupted.");
  Run run;
  LoadCommand load;
  GenerateCommand generate;
  LettersCommand letters;
  LettersFolderCommand letters_folder;
  ProducersCommand producers;
  JournalCommand journal;
  AuditCommand audit;
  MonitoringCommands monitoring;
  DoctorCommand doctor;
  ReconcileCommand reconcile;
  ServerAddress server;
  std::string table;
  bool json = false;
  AddLoad(app, &load, &run);
  AddGenerate(app, &generate, &run);
  AddLetters(app, &letters, &letters_folder, &run);
  AddProducers(app, &producers, &run);
  AddStatus(app, &server, &table, &json, &reconcile, &run);
  AddAudit(app, &audit, &run);
  AddJournal(app, &journal, &run);
  AddMonitoring(app, &monitoring, &run);
  AddDoctor(app, &doctor, &run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return run();
}

}  // namespace
}  // namespace batchsql::cli

int main(int argc, char** argv) {
  try {
    return batchsql::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "batchsql: %s\n", error.what());
    return batchsql::cli::kExitUsage;
  }
}
