#include "cli/monitoring/daemon_file.h"

#include "absl/strings/match.h"
#include "config/expand.h"
#include "config/loader.h"

namespace batchsql::cli {

absl::StatusOr<DaemonPlace> DaemonFile::Read(const std::string& environment) const {
  return LoadPlace(path, ProcessVariables(), environment);
}

void DaemonFile::Fill(const std::string& option, const std::string& by_file,
                      std::string* value) const {
  if (!given.contains(option)) *value = by_file;
}

std::string ReachedHere(const ListenAddress& listen) {
  if (listen.port == 0) return "";
  ListenAddress address = listen;
  if (listen.IsAny()) address.host = absl::StrContains(listen.host, ':') ? "::1" : "127.0.0.1";
  return address.ToString();
}

}  // namespace batchsql::cli
