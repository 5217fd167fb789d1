#pragma once

#include <string>
#include <vector>

namespace batchsql::cli {

// A table of text for people: columns as wide as their longest cell, two spaces apart.
class TextTable {
 public:
  TextTable(std::vector<std::string> header, std::vector<bool> right_aligned);

  // As many cells as the header has.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Lines with their ends.
  std::string Text() const;

 private:
  std::vector<bool> right_aligned_;
  std::vector<std::vector<std::string>> rows_;  // the header first
};

}  // namespace batchsql::cli
