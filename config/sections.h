#pragma once

#include "config/options.h"
#include "config/reader.h"

namespace batchsql {

// The document's sections, each a function from a reader to plain values. What is wrong is noted in
// the reader's context, and reading goes on.

// The whole document, in the environment of this name; empty: in none.
Options ReadOptions(Reader& root, const std::string& environment);

// Only what DaemonPlace holds: of what else the file may have nothing is checked or expanded.
DaemonPlace ReadPlace(Reader& root, const std::string& environment);

// A value that becomes a label of metrics and alerts.
void ReadLabel(Reader& reader, const std::string& key, std::string* label);

// `environments`, and which of them is selected.
void ReadEnvironments(Reader& root, const std::string& selected, Options* options);

// `targets` and `tables`, and what must hold between their entries; needs data_dir and limits.
void ReadTargets(Reader& root, Options* options);
void ReadTables(Reader& root, Options* options);

// One entry of `tables`, but for its name and target.
void ReadTable(Reader& reader, const LimitOptions& limits, TableOptions* table);

}  // namespace batchsql
