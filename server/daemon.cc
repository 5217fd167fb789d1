#include "server/daemon.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "server/data_directory.h"
#include "server/executor_factory.h"
#include "server/http/endpoints.h"
#include "server/http/rows_writer.h"
#include "server/version.h"

namespace batchsql {
namespace {

// Two flushes of one append-only table overlap: one is encoded while the other commits.
constexpr uint32_t kFlushersMax = 2;

// When all is answered: how long the answers have to reach their clients, and idle clients to hang
// up.
constexpr std::chrono::milliseconds kLastAnswersMax{1'000};

// A SQLite file takes one writer at a time.
uint32_t ConnectionsMax(const TargetOptions& target) {
  return target.kind == TargetKind::kSqlite ? 1 : target.connections_max;
}

std::vector<std::unique_ptr<Target>> MakeTargets(const Options& options) {
  std::vector<std::unique_ptr<Target>> targets;
  for (const TargetOptions& target : options.targets) {
    targets.push_back(
        std::make_unique<Target>(target.name, std::string(TargetKindName(target.kind)),
                                 ConnectionsMax(target), MakeExecutorFactory(target)));
  }
  return targets;
}

uint32_t Flushers(const Options& options, const std::string& target_name) {
  for (const TargetOptions& target : options.targets) {
    if (target.name == target_name) return std::min(kFlushersMax, ConnectionsMax(target));
  }
  return 1;
}

std::string JournalRoot(const Options& options) { return options.data_dir + "/journal"; }
std::string LettersRoot(const Options& options) { return options.data_dir + "/letters"; }

Ingestor::TableRule MakeRule(const Options& options, const TableOptions& table) {
  Ingestor::TableRule rule;
  rule.target = table.target;
  rule.journal = table.journal == JournalKind::kDisk;
  rule.options.label = TableLabel(table, options);
  rule.options.rule = table.rule;
  rule.options.create_missing = table.create == CreateTables::kMissing;
  rule.options.add_columns = table.evolve == EvolveTables::kAddColumns;
  rule.options.batch = {table.batch.rows_max, table.batch.bytes_max,
                        std::chrono::milliseconds(table.batch.linger_ms)};
  rule.options.flushers = Flushers(options, table.target);
  rule.options.producer_memory = std::chrono::milliseconds(options.limits.producer_memory_ms);
  if (const absl::StatusOr<TableName> name = ParseTableName(table.name); name.ok()) {
    rule.options.table = *name;
  }
  return rule;
}

Ingestor::Options MakeIngestorOptions(const Options& options) {
  Ingestor::Options ingestor;
  ingestor.tables_max = options.limits.tables_max;
  ingestor.journal_root = JournalRoot(options);
  ingestor.letters_root = LettersRoot(options);
  ingestor.journal.segment_bytes = options.limits.journal_segment_bytes;
  ingestor.journal.trim_grace = std::chrono::milliseconds(options.limits.journal_grace_ms);
  ingestor.instance = options.instance;
  for (const TableOptions& table : options.tables) {
    if (table.name == kAnyTable) {
      ingestor.any_table = MakeRule(options, table);
    } else {
      ingestor.tables.push_back(MakeRule(options, table));
    }
  }
  return ingestor;
}

RequestLimits MakeLimits(const LimitOptions& limits) {
  return {limits.request_rows_max, limits.request_bytes_max, limits.row_bytes_max,
          limits.columns_max, limits.json_depth_max};
}

}  // namespace

Daemon::Daemon(const Options& options, DataDirectory directory)
    : options_(options),
      directory_(std::move(directory)),
      metrics_({options.monitoring.test_name, options.monitoring.environment}, &clock_),
      budget_(options.limits.memory_bytes_max),
      disk_(options.limits.journal_bytes_max),
      letters_(Env::System(), LettersRoot(options), options.limits.letters_bytes_max),
      ingestor_(MakeIngestorOptions(options), MakeTargets(options),
                {Env::System(), &disk_, &budget_, &metrics_, &clock_, &letters_}) {}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Options& options) {
  absl::StatusOr<DataDirectory> directory = DataDirectory::Open(options.data_dir);
  if (!directory.ok()) return directory.status();
  for (const std::string& folder : {JournalRoot(options), LettersRoot(options)}) {
    if (absl::Status status = Env::System()->MakeDirectory(folder); !status.ok()) return status;
  }
  if (absl::Status status = Env::System()->SyncDirectory(options.data_dir); !status.ok()) {
    return status;
  }
  std::unique_ptr<Daemon> daemon(new Daemon(options, *std::move(directory)));
  daemon->letters_.KeepReserve();
  if (absl::Status status = daemon->Listen(); !status.ok()) {
    daemon->Stop();
    return status;
  }
  daemon->ingestor_.OpenAll();
  daemon->ready_ = true;
  daemon->grpc_->SetReady(true);
  Log(LogLevel::kInfo, "batchsqld is ready",
      {{"version", kVersion},
       {"grpc", absl::StrCat(options.grpc.listen.host, ":", daemon->grpc_->port())},
       {"http", daemon->http_->address()},
       {"data_dir", options.data_dir}});
  return daemon;
}

absl::Status Daemon::Listen() {
  const RequestLimits limits = MakeLimits(options_.limits);
  absl::StatusOr<std::unique_ptr<GrpcServer>> grpc =
      GrpcServer::Start({options_.grpc.listen.ToString(), limits}, ingestor_);
  if (!grpc.ok()) return grpc.status();
  grpc_ = *std::move(grpc);

  HttpEndpoints endpoints;
  endpoints.metrics = [this] { return metrics_.Expose(); };
  endpoints.readiness = [this] { return Readiness(); };
  RowsWriter::Options writer;
  writer.limits = limits;
  endpoints.write_rows = [rows = RowsWriter(writer, ingestor_)](RowsRequest request) mutable {
    return rows.Write(std::move(request));
  };
  endpoints.request_bytes_max = limits.request_bytes_max;
  HttpServerOptions http_options;
  http_options.listen = options_.http.listen;
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Start(std::move(http_options), MakeRoutes(std::move(endpoints)));
  if (!http.ok()) {
    return {http.status().code(), absl::StrCat("http.listen: ", http.status().message())};
  }
  http_ = *std::move(http);
  return absl::OkStatus();
}

absl::Status Daemon::Readiness() const {
  return ready_ ? absl::OkStatus() : absl::UnavailableError("the daemon is starting or stopping");
}

void Daemon::Stop() {
  ready_ = false;
  if (grpc_ != nullptr) grpc_->SetReady(false);
  if (grpc_ != nullptr) grpc_->StopStreams();
  // Answers every request under way, and new ones with UNAVAILABLE.
  ingestor_.Drain(clock_.Now() + std::chrono::milliseconds(options_.shutdown.grace_ms));
  if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::system_clock::now() + kLastAnswersMax);
  if (http_ != nullptr) http_->Stop();
}

}  // namespace batchsql
