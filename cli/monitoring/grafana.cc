#include "cli/monitoring/grafana.h"

#include "absl/strings/str_cat.h"

namespace batchsql::cli {
namespace {

constexpr size_t kPage = 1000;
constexpr int kPagesMax = 1000;

// The provisioned folder of the shipped files has this uid: it is the same folder.
constexpr char kShippedFolder[] = "BatchSQL";
constexpr char kShippedFolderUid[] = "batchsql";

}  // namespace

absl::StatusOr<std::string> Grafana::FolderNamed(const std::string& title) const {
  const absl::StatusOr<Json> folders = api_.Get(absl::StrCat("/api/folders?limit=", kPage));
  if (!folders.ok()) return folders.status();
  for (const Json& folder : *folders) {
    if (TextOf(folder, "title") == title) return TextOf(folder, "uid");
  }
  Json wanted = {{"title", title}};
  if (title == kShippedFolder) wanted["uid"] = kShippedFolderUid;
  const absl::StatusOr<Json> made = api_.Post("/api/folders", wanted.dump());
  if (!made.ok()) return made.status();
  return TextOf(*made, "uid");
}

absl::Status Grafana::MakeFolder(const std::string& uid, const std::string& title) const {
  absl::Status there = api_.Get(absl::StrCat("/api/folders/", uid)).status();
  if (!absl::IsNotFound(there)) return there;
  return api_.Post("/api/folders", Json({{"uid", uid}, {"title", title}}).dump()).status();
}

absl::StatusOr<std::string> Grafana::PutDashboard(const Json& dashboard,
                                                  const std::string& folder_uid) const {
  Json body = {{"dashboard", dashboard}, {"overwrite", true}, {"message", "batchsql monitoring"}};
  body["dashboard"]["id"] = nullptr;  // a number of another Grafana; the uid tells which it is
  if (!folder_uid.empty()) body["folderUid"] = folder_uid;
  const absl::StatusOr<Json> answer = api_.Post("/api/dashboards/db", body.dump());
  if (!answer.ok()) return answer.status();
  return absl::StrCat(api_.base(), TextOf(*answer, "url"));
}

absl::StatusOr<std::vector<std::string>> Grafana::DashboardUids() const {
  std::vector<std::string> uids;
  for (int page = 1; page <= kPagesMax; ++page) {
    const absl::StatusOr<Json> found =
        api_.Get(absl::StrCat("/api/search?type=dash-db&limit=", kPage, "&page=", page));
    if (!found.ok()) return found.status();
    for (const Json& dashboard : *found) uids.push_back(TextOf(dashboard, "uid"));
    if (found->size() < kPage) break;
  }
  return uids;
}

absl::StatusOr<Json> Grafana::Dashboard(const std::string& uid) const {
  return api_.Get(absl::StrCat("/api/dashboards/uid/", UrlEncode(uid)));
}

}  // namespace batchsql::cli
