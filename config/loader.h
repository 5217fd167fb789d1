#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "config/expand.h"
#include "config/options.h"

namespace batchsql {

// Reads and checks a configuration. INVALID_ARGUMENT lists everything that is wrong, one line each:
//   file:line: tables[0].batch.rows_max: expected an integer from 1 to 1000000 rows
// No error shows a value, which may be a secret. Missing keys have the defaults of
// config/options.h, so that an empty file means DefaultOptions(). No side effects besides reading
// the files that
// ${file:…} names. `environment` is the name of the one that is selected, which the file must
// have; empty: none.
absl::StatusOr<Options> ParseText(std::string_view text, const std::string& filename,
                                  const VariableLookup& variables,
                                  const std::string& environment = "");
absl::StatusOr<Options> LoadFile(const std::string& path, const VariableLookup& variables,
                                 const std::string& environment = "");

// Of a file only what a DaemonPlace holds, with the same errors. Nothing else is checked, and none
// of its ${…} is expanded: no secret of a target is read, or need be there.
absl::StatusOr<DaemonPlace> LoadPlace(const std::string& path, const VariableLookup& variables,
                                      const std::string& environment);

// Where an environment is asked for, and no file that could have it.
absl::Status EnvironmentWithoutFile();

// Every key that a file may hold, list indexes and free names left out: `tables[].batch.rows_max`,
// `environments.*.metrics_port`. For the tests
// that keep the documentation complete.
std::set<std::string> AcceptedKeys();

}  // namespace batchsql
