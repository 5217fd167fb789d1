#include "server/daemon.h"

#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "config/reload.h"
#include "core/log.h"
#include "server/executor_factory.h"
#include "server/http/endpoints.h"
#include "server/http/http_metrics.h"
#include "server/http/rows_writer.h"
#include "server/http/status_json.h"
#include "server/http/status_page.h"
#include "server/version.h"

namespace batchsql {
namespace {

// Two flushes of one append-only table overlap: one is encoded while the other commits.
constexpr uint32_t kFlushersMax = 2;

// When all is answered: how long the answers have to reach their clients, and idle clients to hang
// up.
constexpr std::chrono::milliseconds kLastAnswersMax{1'000};

// What a kill may cost of the counts that no journal holds, and how long trimming waits.
constexpr std::chrono::seconds kSaveLedgers{2};

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
  rule.options.producers_in_target = table.producers == ProducersKind::kTarget;
  rule.options.exclusive = table.exclusive;
  rule.options.create_missing = table.create == CreateTables::kMissing;
  rule.options.add_columns = table.evolve == EvolveTables::kAddColumns;
  rule.options.batch = {table.batch.rows_max, table.batch.bytes_max,
                        std::chrono::milliseconds(table.batch.linger_ms), table.batch.tuned};
  rule.options.flushers = Flushers(options, table.target);
  rule.options.producer_memory = std::chrono::milliseconds(options.limits.producer_memory_ms);
  if (const absl::StatusOr<TableName> name = ParseTableName(table.name); name.ok()) {
    rule.options.table = *name;
  }
  return rule;
}

Ingestor::Rules MakeRules(const Options& options) {
  Ingestor::Rules rules;
  rules.tables_max = options.limits.tables_max;
  for (const TableOptions& table : options.tables) {
    if (table.name == kAnyTable) {
      rules.any_table = MakeRule(options, table);
    } else {
      rules.tables.push_back(MakeRule(options, table));
    }
  }
  return rules;
}

Ingestor::Options MakeIngestorOptions(const Options& options) {
  Ingestor::Options ingestor;
  ingestor.rules = MakeRules(options);
  ingestor.journal_root = JournalRoot(options);
  ingestor.letters_root = LettersRoot(options);
  ingestor.journal.segment_bytes = options.limits.journal_segment_bytes;
  ingestor.journal.trim_grace = std::chrono::milliseconds(options.limits.journal_grace_ms);
  ingestor.instance = options.instance;
  return ingestor;
}

RequestLimits MakeLimits(const LimitOptions& limits) {
  return {limits.request_rows_max, limits.request_bytes_max, limits.row_bytes_max,
          limits.columns_max, limits.json_depth_max};
}

}  // namespace

Daemon::Daemon(const Options& options, DataDirectory directory)
    : directory_(std::move(directory)),
      metrics_({options.monitoring.test_name, options.monitoring.environment,
                options.environment.metrics_prefix},
               &clock_),
      budget_(options.limits.memory_bytes_max),
      disk_(options.limits.journal_bytes_max),
      letters_(Env::System(), LettersRoot(options), options.limits.letters_bytes_max),
      limits_(MakeLimits(options.limits)),
      ingestor_(MakeIngestorOptions(options), MakeTargets(options),
                {Env::System(), &disk_, &budget_, &metrics_, &clock_, &letters_}),
      options_(options) {}

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
  daemon->metrics_.registry()
      .AddGauge({"batchsql_build_info", "1; the labels tell what was built."},
                {{"version", kVersion}})
      .Set(1);
  daemon->letters_.KeepReserve();
  if (absl::Status status = daemon->Listen(options); !status.ok()) {
    daemon->Stop();
    return status;
  }
  daemon->ingestor_.OpenAll();
  daemon->ledgers_.emplace(kSaveLedgers,
                           [ingestor = &daemon->ingestor_] { ingestor->SaveLedgers(); });
  daemon->WatchForAlerts(options);
  daemon->ready_ = true;
  daemon->grpc_->SetReady(true);
  Log(LogLevel::kInfo, "batchsqld is ready",
      {{"version", kVersion},
       {"grpc", absl::StrCat(options.grpc.listen.host, ":", daemon->grpc_->port())},
       {"http", daemon->http_->address()},
       {"data_dir", options.data_dir},
       {"environment", options.environment.name}});
  return daemon;
}

absl::Status Daemon::Listen(const Options& options) {
  absl::StatusOr<std::unique_ptr<GrpcServer>> grpc = GrpcServer::Start(
      options.grpc.listen.ToString(), limits_, last_reload_, ingestor_, metrics_.registry());
  if (!grpc.ok()) return grpc.status();
  grpc_ = *std::move(grpc);

  HttpEndpoints endpoints;
  endpoints.metrics = [this] { return metrics_.Expose(); };
  endpoints.readiness = [this] { return Readiness(); };
  endpoints.write_rows = [rows = RowsWriter({}, limits_, ingestor_)](RowsRequest request) mutable {
    return rows.Write(std::move(request));
  };
  endpoints.request_bytes_max = options.limits.request_bytes_max;
  HttpServerOptions http_options;
  http_options.listen = options.http.listen;
  std::vector<HttpRoute> routes = MakeRoutes(std::move(endpoints));
  std::vector<HttpRoute> page = MakeStatusPage(
      [this] { return StatusJson(ingestor_, disk_, last_reload_, clock_.Now() - started_); });
  std::move(page.begin(), page.end(), std::back_inserter(routes));
  http_options.observer = [metrics = HttpMetrics(metrics_.registry(), routes)](
                              std::string_view route, int status, uint64_t body_bytes) mutable {
    metrics.Ended(route, status, body_bytes);
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Start(std::move(http_options), std::move(routes));
  if (!http.ok()) {
    return {http.status().code(), absl::StrCat("http.listen: ", http.status().message())};
  }
  http_ = *std::move(http);
  return absl::OkStatus();
}

void Daemon::WatchForAlerts(const Options& options) {
  if (options.environment.alertmanager_url.empty()) return;
  AlertWatch::Options watch;
  watch.alertmanager_url = options.environment.alertmanager_url;
  const std::string& instance = options.environment.metrics_instance;
  watch.context = {options.monitoring.test_name, options.monitoring.environment,
                   options.environment.grafana_url, instance.empty() ? http_->address() : instance};
  watch.directory = options.data_dir;
  alerts_ = std::make_unique<AlertWatch>(std::move(watch), &ingestor_, Env::System(), &clock_);
}

void Daemon::Reload(absl::StatusOr<Options> fresh) {
  if (!fresh.ok()) {
    ReportFailedReload(fresh.status());
    return;
  }
  const std::chrono::milliseconds drain_max(fresh->shutdown.grace_ms);
  LastReload::Outcome outcome;
  outcome.ignored_keys = TakeOver(*std::move(fresh));
  Ingestor::Rules rules;
  {
    MutexLock lock(mutex_);
    rules = MakeRules(options_);
  }
  if (absl::Status status = ingestor_.Apply(std::move(rules), drain_max); !status.ok()) {
    Log(LogLevel::kInfo, "the reload ends", {{"reason", std::string(status.message())}});
    return;
  }
  metrics_.SetReloadSuccessful(true);
  last_reload_.Set(std::move(outcome));
  Log(LogLevel::kInfo, "the configuration is reloaded");
}

// Everything but the tables. Returns the keys whose new values need a restart.
std::vector<std::string> Daemon::TakeOver(Options fresh) {
  ReloadedOptions reloaded;
  {
    MutexLock lock(mutex_);
    reloaded = OptionsWhileRunning(options_, std::move(fresh));
    options_ = reloaded.options;
  }
  const Options& options = reloaded.options;
  SetLogLevel(options.log.level);
  for (const std::string& warning : options.warnings) Log(LogLevel::kWarning, warning);
  for (const std::string& key : reloaded.ignored) {
    Log(LogLevel::kWarning, "a new value is ignored until the daemon is restarted", {{"key", key}});
  }
  budget_.SetBytesMax(options.limits.memory_bytes_max);
  disk_.SetBytesMax(options.limits.journal_bytes_max);
  letters_.budget().SetBytesMax(options.limits.letters_bytes_max);
  limits_.Set(MakeLimits(options.limits));
  return std::move(reloaded.ignored);
}

// On one line, however much is wrong with the file.
void Daemon::ReportFailedReload(const absl::Status& reason) {
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(reason.message()), '\n', absl::SkipEmpty());
  LastReload::Outcome outcome;
  outcome.error = absl::StrJoin(lines, "; ");
  Log(LogLevel::kError, "the configuration is not reloaded; nothing has changed",
      {{"reason", outcome.error}});
  metrics_.SetReloadSuccessful(false);
  last_reload_.Set(std::move(outcome));
}

std::chrono::milliseconds Daemon::shutdown_grace() const {
  MutexLock lock(mutex_);
  return std::chrono::milliseconds(options_.shutdown.grace_ms);
}

absl::Status Daemon::Readiness() const {
  return ready_ ? absl::OkStatus() : absl::UnavailableError("the daemon is starting or stopping");
}

void Daemon::Stop() {
  ready_ = false;
  alerts_.reset();  // what a drain does to the pipelines is no alert
  if (grpc_ != nullptr) grpc_->SetReady(false);
  if (grpc_ != nullptr) grpc_->StopStreams();
  // Answers every request under way, and new ones with UNAVAILABLE.
  ingestor_.Drain(clock_.Now() + shutdown_grace());
  ledgers_.reset();
  if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::system_clock::now() + kLastAnswersMax);
  if (http_ != nullptr) http_->Stop();
}

}  // namespace batchsql
