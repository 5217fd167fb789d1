#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/chunk.h"

namespace batchsql::cli {

// A chunk of columns as text, one string a column: "name:kind[cell|cell|…]", with ~ for an absent
// cell and NULL for a NULL one.
inline std::string CellText(const v1::Column& column, int row) {
  const auto at = static_cast<size_t>(row);
  if (!column.presence().empty() && column.presence()[at] == 0) return "~";
  if (!column.presence().empty() && column.presence()[at] == 1) return "NULL";
  switch (column.data_case()) {
    case v1::Column::kBools:
      return column.bools().values(row) ? "true" : "false";
    case v1::Column::kInts:
      return absl::StrCat(column.ints().values(row));
    case v1::Column::kUints:
      return absl::StrCat(column.uints().values(row));
    case v1::Column::kDoubles:
      return absl::StrCat(column.doubles().values(row));
    case v1::Column::kTexts: {
      const uint32_t begin = row == 0 ? 0 : column.texts().ends(row - 1);
      return column.texts().data().substr(begin, column.texts().ends(row) - begin);
    }
    case v1::Column::kTimestampsUs:
      return absl::StrCat(column.timestamps_us().values(row));
    case v1::Column::kDatesDays:
      return absl::StrCat(column.dates_days().values(row));
    case v1::Column::kTimesUs:
      return absl::StrCat(column.times_us().values(row));
    case v1::Column::kLists:
      return absl::StrCat("list of ", column.lists().values(row).values_size());
    default:
      return "?";
  }
}

inline std::string KindText(const v1::Column& column) {
  switch (column.data_case()) {
    case v1::Column::kBools:
      return "bools";
    case v1::Column::kInts:
      return "ints";
    case v1::Column::kUints:
      return "uints";
    case v1::Column::kDoubles:
      return "doubles";
    case v1::Column::kTexts:
      return "texts";
    case v1::Column::kTimestampsUs:
      return "timestamps";
    case v1::Column::kDatesDays:
      return "dates";
    case v1::Column::kTimesUs:
      return "times";
    case v1::Column::kLists:
      return "lists";
    default:
      return "none";
  }
}

inline std::vector<std::string> ColumnTexts(const v1::WriteStreamRequest& request) {
  std::vector<std::string> texts;
  for (const v1::Column& column : request.columns().columns()) {
    std::string text = absl::StrCat(column.name(), ":", KindText(column), "[");
    for (uint32_t row = 0; row < request.columns().row_count(); ++row) {
      absl::StrAppend(&text, row > 0 ? "|" : "", CellText(column, static_cast<int>(row)));
    }
    texts.push_back(text + "]");
  }
  return texts;
}

// Every chunk up to the end or the error, which is returned through `status`.
inline std::vector<Chunk> ReadAll(ChunkReader& reader, absl::Status* status) {
  std::vector<Chunk> chunks;
  while (true) {
    Chunk chunk;
    const absl::StatusOr<bool> read = reader.Next(&chunk);
    *status = read.status();
    if (!read.ok() || !*read) return chunks;
    chunks.push_back(std::move(chunk));
  }
}

}  // namespace batchsql::cli
