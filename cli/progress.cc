#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace batchsql::cli {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kLineSeconds = 5;
constexpr size_t kBarMax = 30;
constexpr size_t kBarMin = 8;

size_t TerminalColumns(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double Fraction(const ProgressSample& sample) {
  if (sample.bytes_total.value_or(0) == 0) return 1;
  return std::min(
      1.0, static_cast<double>(sample.bytes_done) / static_cast<double>(*sample.bytes_total));
}

uint64_t RowsPerSecond(const ProgressSample& sample) {
  if (sample.seconds <= 0) return 0;
  return static_cast<uint64_t>(static_cast<double>(sample.rows_accepted) / sample.seconds);
}

std::string TimeLeft(const ProgressSample& sample) {
  const double done = Fraction(sample);
  if (done <= 0) return "-:-- left";
  const auto left = static_cast<uint64_t>(std::lround(sample.seconds / done * (1 - done)));
  if (left < 3600) return absl::StrFormat("%d:%02d left", left / 60, left % 60);
  return absl::StrFormat("%d:%02d:%02d left", left / 3600, left / 60 % 60, left % 60);
}

std::string RowsText(const ProgressSample& sample) {
  std::string text = absl::StrCat(WithSeparators(sample.rows_accepted), " rows  ",
                                  WithSeparators(RowsPerSecond(sample)), " rows/s");
  if (sample.rows_rejected > 0) {
    absl::StrAppend(&text, "  ", WithSeparators(sample.rows_rejected), " rejected");
  }
  return text;
}

}  // namespace

std::string WithSeparators(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string FormatBar(const ProgressSample& sample, size_t columns) {
  const std::string rows = RowsText(sample);
  if (!sample.bytes_total.has_value()) return rows.substr(0, columns);
  const std::string text =
      absl::StrFormat("%5.1f %%  %s  %s", Fraction(sample) * 100, rows, TimeLeft(sample));
  if (columns < text.size() + kBarMin + 3) return text.substr(0, columns);
  const size_t width = std::min(kBarMax, columns - text.size() - 3);
  const auto full = static_cast<size_t>(Fraction(sample) * static_cast<double>(width));
  return absl::StrCat("[", std::string(full, '#'), std::string(width - full, '.'), "] ", text);
}

std::string FormatLine(const ProgressSample& sample) {
  if (!sample.bytes_total.has_value()) return absl::StrCat("load: ", RowsText(sample));
  return absl::StrFormat("load: %.1f %%  %s  %s", Fraction(sample) * 100, RowsText(sample),
                         TimeLeft(sample));
}

void Progress::Update(const ProgressSample& sample) {
  MutexLock lock(mutex_);
  if (sample.seconds - shown_at_ < (terminal_ ? kRedrawSeconds : kLineSeconds)) return;
  shown_at_ = sample.seconds;
  if (terminal_) {
    bar_ = FormatBar(sample, TerminalColumns(out_) - 1);
    std::fprintf(out_, "\r\x1b[K%s", bar_.c_str());
  } else {
    std::fprintf(out_, "%s\n", FormatLine(sample).c_str());
  }
  std::fflush(out_);
}

void Progress::Print(const std::string& line) {
  MutexLock lock(mutex_);
  if (!bar_.empty()) std::fputs("\r\x1b[K", out_);
  std::fprintf(out_, "%s\n%s", line.c_str(), bar_.c_str());
  std::fflush(out_);
}

void Progress::Clear() {
  MutexLock lock(mutex_);
  if (bar_.empty()) return;
  bar_.clear();
  std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
}

}  // namespace batchsql::cli
