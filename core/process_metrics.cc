#include "core/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include "core/metric_registry.h"

namespace batchsql {
namespace {

// Of /proc/self/stat, in the kernel's units.
struct Stat {
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  uint64_t threads = 0;
  uint64_t start_ticks = 0;  // since boot
  uint64_t virtual_bytes = 0;
};

double TicksPerSecond() { return static_cast<double>(::sysconf(_SC_CLK_TCK)); }

std::optional<Stat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::vector<std::string> values;  // from field 3, the state, on
  for (std::string value; fields >> value;) values.push_back(value);
  if (values.size() < 21) return std::nullopt;
  const auto field = [&](size_t number) { return std::stoull(values[number - 3]); };
  return Stat{field(14), field(15), field(20), field(22), field(23)};
}

// Seconds since 1970 at which the machine booted.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return std::nullopt;
  const auto count = std::distance(begin(files), end(files));
  return static_cast<double>(count - 1);  // the folder itself
}

std::optional<double> OpenFilesMax() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

class Families {
 public:
  void Add(SampleFamily::Kind kind, const char* name, const char* help,
           std::optional<double> value) {
    if (!value.has_value()) return;
    SampleFamily family(kind, {name, help});
    family.Add({}, *value);
    families_.push_back(family.Take());
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<prometheus::MetricFamily> CollectProcess() {
  using Kind = SampleFamily::Kind;
  Families families;
  if (const std::optional<Stat> stat = ReadStat(); stat.has_value()) {
    const double ticks = static_cast<double>(stat->user_ticks + stat->system_ticks);
    families.Add(Kind::kCounter, "process_cpu_seconds_total",
                 "User and system CPU time spent, in seconds.", ticks / TicksPerSecond());
    families.Add(Kind::kGauge, "process_virtual_memory_bytes", "Virtual memory, in bytes.",
                 static_cast<double>(stat->virtual_bytes));
    families.Add(Kind::kGauge, "process_threads", "Threads of the process.",
                 static_cast<double>(stat->threads));
    if (const std::optional<double> boot = BootTime(); boot.has_value()) {
      families.Add(Kind::kGauge, "process_start_time_seconds",
                   "Start of the process, in seconds since 1970.",
                   *boot + static_cast<double>(stat->start_ticks) / TicksPerSecond());
    }
  }
  families.Add(Kind::kGauge, "process_resident_memory_bytes", "Resident memory, in bytes.",
               static_cast<double>(ResidentBytes()));
  families.Add(Kind::kGauge, "process_open_fds", "Open file descriptors.", OpenFiles());
  families.Add(Kind::kGauge, "process_max_fds", "Most file descriptors that may be open.",
               OpenFilesMax());
  return families.Take();
}

}  // namespace batchsql
