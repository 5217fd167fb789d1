#include "cli/letter_lines.h"

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "cli/input_file.h"
#include "cli/json_row.h"
#include "core/civil_time.h"
#include "core/json_text.h"
#include "core/rejection.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;

void AppendMember(std::string_view key, std::string_view text, std::string* line) {
  line->push_back(',');
  AppendJsonString(key, line);
  line->push_back(':');
  AppendJsonString(text, line);
}

absl::StatusOr<std::string> ReadAll(InputFile& file) {
  std::string text;
  while (true) {
    const size_t size = text.size();
    text.resize(size + kReadBytes);
    const absl::StatusOr<size_t> count = file.Read(text.data() + size, kReadBytes);
    if (!count.ok()) return count.status();
    text.resize(size + *count);
    if (*count == 0) return text;
  }
}

// `capacity`: bytes that are readable from the line's beginning.
absl::StatusOr<v1::DeadLetterReplay> ReadLine(JsonRowParser& parser, std::string_view line,
                                              size_t capacity) {
  v1::DeadLetterReplay replay;
  const auto on_cell = [&](const JsonCell& cell) {
    if (cell.key == "id" && cell.value.kind == Value::Kind::kInt && cell.value.integer > 0) {
      replay.set_id(static_cast<uint64_t>(cell.value.integer));
    }
    if (cell.key == "row" && cell.raw.starts_with('{')) replay.set_row_json(std::string(cell.raw));
    return absl::OkStatus();
  };
  if (absl::Status status = parser.Parse(line, capacity, on_cell); !status.ok()) return status;
  if (replay.id() == 0 || replay.row_json().empty()) {
    return absl::InvalidArgumentError("a line must have an `id` and an object `row`");
  }
  return replay;
}

}  // namespace

std::string ReasonText(v1::RejectReason reason) {
  return std::string(RejectReasonName(static_cast<RejectReason>(reason)));
}

std::string TimeText(uint64_t time_ms) {
  constexpr uint32_t kMillisDigits = 3;
  char buffer[kTimestampChars];
  const auto micros = static_cast<int64_t>(time_ms) * 1000;
  return absl::StrCat(AsAbsl(FormatTimestamp(micros, kMillisDigits, 'T', buffer)), "Z");
}

std::string LetterLine(const std::string& table, const v1::DeadLetter& letter) {
  std::string line = absl::StrCat("{\"id\":", letter.id());
  AppendMember("table", table, &line);
  const bool replayed = letter.state() == v1::DEAD_LETTER_STATE_REPLAYED;
  AppendMember("state", replayed ? "replayed" : "live", &line);
  AppendMember("time", TimeText(letter.time_ms()), &line);
  AppendMember("reason", ReasonText(letter.reason()), &line);
  AppendMember("column", letter.column(), &line);
  AppendMember("code", letter.code(), &line);
  AppendMember("producer_id", letter.producer_id(), &line);
  absl::StrAppend(&line, ",\"sequence\":", letter.sequence(), ",\"row_in_request\":", letter.row(),
                  ",\"first_lsn\":", letter.first_lsn());
  AppendMember("pipeline", letter.pipeline(), &line);
  line += ",\"columns\":{";
  for (int i = 0; i < letter.columns_size(); ++i) {
    if (i > 0) line.push_back(',');
    AppendJsonString(letter.columns(i).name(), &line);
    line.push_back(':');
    AppendJsonString(letter.columns(i).type(), &line);
  }
  absl::StrAppend(&line, "},\"row\":", letter.row_json(), "}");
  return line;
}

absl::StatusOr<std::vector<v1::DeadLetterReplay>> ReadLetterLines(const std::string& path) {
  absl::StatusOr<InputFile> file = InputFile::Open(path, nullptr);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> text = ReadAll(*file);
  if (!text.ok()) return text.status();
  const size_t size = text->size();
  text->append(simdjson::SIMDJSON_PADDING, ' ');
  std::vector<v1::DeadLetterReplay> replays;
  JsonRowParser parser;
  uint64_t number = 0;
  for (size_t begin = 0; begin < size;) {
    ++number;
    const size_t end = std::min(text->find('\n', begin), size);
    const std::string_view line = std::string_view(*text).substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      absl::StatusOr<v1::DeadLetterReplay> replay = ReadLine(parser, line, text->size() - begin);
      if (!replay.ok()) return file->Malformed(number, std::string(replay.status().message()));
      replays.push_back(*std::move(replay));
    }
    begin = end + 1;
  }
  return replays;
}

}  // namespace batchsql::cli
