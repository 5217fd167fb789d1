#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/http/json_api.h"

namespace batchsql::cli {

// What of Grafana's HTTP API is used here. Used by one thread.
class Grafana {
 public:
  Grafana(std::string base, HttpLogin login) : api_("Grafana", std::move(base), std::move(login)) {}

  // The uid of the folder with this title, which is made when there is none.
  absl::StatusOr<std::string> FolderNamed(const std::string& title) const;
  // Makes the folder with this uid when there is none.
  absl::Status MakeFolder(const std::string& uid, const std::string& title) const;

  // Writes a dashboard over the one with its uid, if any; `folder_uid` may be empty: Grafana's own
  // folder. Returns its address. Grafana refuses to change what was provisioned from files:
  // FAILED_PRECONDITION.
  absl::StatusOr<std::string> PutDashboard(const Json& dashboard,
                                           const std::string& folder_uid) const;

  // The uids of all dashboards that the login may see.
  absl::StatusOr<std::vector<std::string>> DashboardUids() const;
  // As the API answers: {"dashboard": …, "meta": …}.
  absl::StatusOr<Json> Dashboard(const std::string& uid) const;

  absl::StatusOr<Json> Health() const { return api_.Get("/api/health"); }
  absl::StatusOr<Json> DataSources() const { return api_.Get("/api/datasources"); }

 private:
  JsonApi api_;
};

}  // namespace batchsql::cli
