#include "server/alerts/alert_memory.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace batchsql {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr uint64_t kFileBytesMax = uint64_t{64} << 20;

std::optional<AlertKind> KindOf(std::string_view name) {
  for (const AlertKind kind : kAlertKinds) {
    if (AlertName(kind) == name) return kind;
  }
  return std::nullopt;
}

Json ToJson(const Firing& firing) {
  const auto time = std::chrono::duration_cast<milliseconds>(firing.starts_at.time_since_epoch());
  return {{"alertname", AlertName(firing.problem.key.kind)},
          {"database", firing.problem.key.database},
          {"table", firing.problem.key.table},
          {"reason", firing.problem.reason},
          {"starts_at_ms", time.count()}};
}

// nullopt: an alert that this version does not know. Throws where the shape is another.
std::optional<Firing> FromJson(const Json& json) {
  const std::optional<AlertKind> kind = KindOf(json.at("alertname").get<std::string>());
  if (!kind.has_value()) return std::nullopt;
  Firing firing;
  firing.problem.key = {*kind, json.at("database"), json.at("table")};
  firing.problem.reason = json.at("reason");
  firing.starts_at = WallTime(milliseconds(json.at("starts_at_ms").get<int64_t>()));
  return firing;
}

absl::StatusOr<std::string> ReadAll(Env* env, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> file = env->Open(path, false);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > kFileBytesMax) return absl::DataLossError("too large");
  std::string text(*size, '\0');
  if (absl::Status status = (*file)->Read(0, absl::MakeSpan(text.data(), text.size()));
      !status.ok()) {
    return status;
  }
  return text;
}

}  // namespace

absl::StatusOr<std::vector<Firing>> AlertMemory::Load() const {
  const absl::StatusOr<std::string> text = ReadAll(env_, Path());
  if (absl::IsNotFound(text.status())) return std::vector<Firing>();
  if (!text.ok()) return text.status();
  std::vector<Firing> remembered;
  try {
    for (const Json& one : Json::parse(*text)) {
      if (std::optional<Firing> firing = FromJson(one)) remembered.push_back(*std::move(firing));
    }
  } catch (const Json::exception&) {
    return absl::DataLossError(Path() + ": not as it was written");
  }
  return remembered;
}

absl::Status AlertMemory::Save(const std::vector<Firing>& firing) {
  if (firing.empty()) {
    const absl::Status removed = env_->Remove(Path());
    return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
  }
  Json body = Json::array();
  for (const Firing& one : firing) body.push_back(ToJson(one));
  const std::string text = body.dump(1, ' ', false, Json::error_handler_t::replace);
  const std::string fresh = Path() + ".new";
  env_->Remove(fresh).IgnoreError();  // what an attempt that failed left behind
  const absl::StatusOr<std::unique_ptr<File>> file = env_->Create(fresh);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Write(0, {absl::Span<const char>(text)});
  if (status.ok()) status = (*file)->Sync();
  return status.ok() ? env_->Rename(fresh, Path()) : status;
}

}  // namespace batchsql
