#include "cli/reject_report.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/input_file.h"
#include "core/json_text.h"

namespace batchsql::cli {
namespace {

std::string JsonLine(const Reject& reject) {
  std::string line =
      absl::StrCat("{\"line\":", reject.line, ",\"row\":", reject.row, ",\"field\":");
  AppendJsonString(reject.what->field(), &line);
  line += ",\"reason\":";
  AppendJsonString(ReasonName(reject.what->reason()), &line);
  line += ",\"detail\":";
  AppendJsonString(reject.what->detail(), &line);
  line += "}\n";
  return line;
}

}  // namespace

std::string ReasonName(v1::RejectReason reason) {
  constexpr std::string_view kPrefix = "REJECT_REASON_";
  std::string name = v1::RejectReason_Name(reason);
  if (name.empty()) return absl::StrCat("reason_", static_cast<int>(reason));  // a newer server's
  return absl::AsciiStrToLower(name.substr(kPrefix.size()));
}

absl::StatusOr<std::unique_ptr<RejectReport>> RejectReport::Create(std::string input_name,
                                                                   const std::string& rejects_path,
                                                                   Print print) {
  std::unique_ptr<RejectReport> report(new RejectReport(std::move(input_name), std::move(print)));
  if (rejects_path.empty()) return report;
  MutexLock lock(report->mutex_);
  report->file_.reset(std::fopen(rejects_path.c_str(), "w"));
  if (report->file_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(rejects_path, ": ", ErrorText(errno)));
  }
  return report;
}

RejectReport::RejectReport(std::string input_name, Print print)
    : input_name_(std::move(input_name)), print_(std::move(print)) {}

void RejectReport::Add(const Reject& reject) {
  bool printed = false;
  {
    MutexLock lock(mutex_);
    printed = count_++ < kPrintedMax;
    if (file_ != nullptr) {
      const std::string line = JsonLine(reject);
      std::fwrite(line.data(), 1, line.size(), file_.get());
    }
  }
  if (!printed) return;
  const v1::RejectedRow& what = *reject.what;
  const std::string column =
      what.field().empty() ? "" : absl::StrCat("column \"", what.field(), "\": ");
  const std::string detail = what.detail().empty() ? "" : absl::StrCat(": ", what.detail());
  print_(
      absl::StrCat(input_name_, ":", reject.line, ": ", column, ReasonName(what.reason()), detail));
}

absl::Status RejectReport::Finish() {
  uint64_t more = 0;
  bool written = true;
  {
    MutexLock lock(mutex_);
    more = count_ > kPrintedMax ? count_ - kPrintedMax : 0;
    if (file_ != nullptr) {
      written = std::ferror(file_.get()) == 0;
      written = std::fclose(file_.release()) == 0 && written;
    }
  }
  if (more > 0) print_(absl::StrCat("… and ", more, " more rejected rows"));
  return written ? absl::OkStatus() : absl::UnavailableError("the file of rejects is incomplete");
}

}  // namespace batchsql::cli
