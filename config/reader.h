#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/expand.h"

namespace batchsql {

// Everything that is wrong with one file.
class ErrorList {
 public:
  // `path` may be empty: the file as a whole.
  void Add(int line, const std::string& path, const std::string& what);
  // OK, or INVALID_ARGUMENT with one line an error, `file:line: path: what`, in the file's order.
  absl::Status ToStatus(const std::string& filename) const;

 private:
  struct Error {
    int line;
    std::string text;
  };
  std::vector<Error> errors_;
};

// What all readers of one file share.
struct ReadContext {
  VariableLookup variables;
  ErrorList errors;
  // Every key that was asked for, without indexes: `tables[].batch.rows_max`.
  std::set<std::string> keys;
};

// Both ends are allowed. `unit` follows the numbers in an error.
struct Range {
  uint64_t min;
  uint64_t max;
  std::string_view unit;
};

// One mapping of the file. The Read functions return true and set `*value` if the key is there and
// good; else they leave it, so that it keeps its default, and note what is wrong. Errors never
// quote a value: it may be a secret. Belongs to the thread that loads; `context` must outlive it.
class Reader {
 public:
  // `line` (from 1) is where an error about a missing key points to.
  Reader(const YAML::Node& node, int line, std::string path, std::string pattern,
         ReadContext* context);

  // Where this mapping is in the document: `targets[0]`.
  const std::string& path() const { return path_; }
  bool Has(const std::string& key) const { return entries_.contains(key); }

  // Text with ${…} expanded.
  bool Read(const std::string& key, std::string* value);
  bool ReadOrEmpty(const std::string& key, std::string* value);
  // A sequence of strings, each once.
  bool Read(const std::string& key, std::vector<std::string>* value);
  bool Read(const std::string& key, bool* value);
  bool ReadInteger(const std::string& key, uint64_t* value, const Range& range);
  bool ReadInteger(const std::string& key, uint32_t* value, const Range& range);

  // One of the choices' names.
  template <typename Choice>
  bool ReadChoice(const std::string& key, Choice* value,
                  const std::vector<std::pair<std::string_view, Choice>>& choices) {
    std::vector<std::string_view> names;
    names.reserve(choices.size());
    for (const auto& [name, choice] : choices) names.push_back(name);
    const int index = FindChoice(key, names);
    if (index >= 0) *value = choices[static_cast<size_t>(index)].second;
    return index >= 0;
  }

  // A mapping; empty if the key is absent.
  Reader Section(const std::string& key);
  // A mapping of names to mappings, by name; empty if the key is absent.
  std::vector<std::pair<std::string, Reader>> Map(const std::string& key);
  // A sequence of mappings; what is no mapping is noted and left out.
  std::vector<Reader> List(const std::string& key);

  // Notes that something is wrong with a key, or, where it is absent, with its absence.
  void Fail(const std::string& key, const std::string& what);
  // A key that a file may have and that this reading is not about.
  void Ignore(const std::string& key) { known_.insert(key); }
  // To be called when all known keys were asked for.
  void RefuseOthers();

 private:
  struct Entry {
    int line;
    YAML::Node node;
  };

  void AddEntry(const YAML::Node& key, const YAML::Node& value);
  const Entry* Find(const std::string& key);
  const Entry* FindScalar(const std::string& key, std::string_view expected);
  int FindChoice(const std::string& key, const std::vector<std::string_view>& names);
  bool ExpandInto(const YAML::Node& node, const std::string& key, std::string* value);
  std::string PathOf(const std::string& key) const;
  std::string Suggestion(const std::string& key) const;

  int line_;
  std::string path_;
  std::string pattern_;
  ReadContext* context_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> known_;
};

}  // namespace batchsql
