// The lists `targets` and `tables`, and what must hold between their entries.

#include <filesystem>
#include <map>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "config/dsn.h"
#include "config/sections.h"
#include "core/strings.h"

namespace batchsql {
namespace {

// Finds out which entry of a list was the first with the same text.
class FirstSeen {
 public:
  // nullptr the first time.
  const std::string* Find(const std::string& text, const std::string& path) {
    const auto [entry, added] = seen_.try_emplace(text, path);
    return added ? nullptr : &entry->second;
  }

 private:
  std::map<std::string, std::string> seen_;
};

// Those that have a good name.
std::string TargetNames(const Options& options) {
  std::vector<std::string> names;
  for (const TargetOptions& target : options.targets) {
    if (!target.name.empty()) names.push_back(target.name);
  }
  return absl::StrJoin(names, ", ");
}

bool IsTargetName(std::string_view name) {
  return name.size() <= 64 && absl::c_all_of(name, [](char c) {
           return c == '_' || c == '-' || c == '.' ||
                  absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

void ReadDsn(Reader& reader, const std::optional<TargetKind>& kind, std::string* dsn) {
  if (!reader.Read("dsn", dsn)) {
    if (!reader.Has("dsn")) reader.Fail("dsn", "is missing: expected where the database is");
    return;
  }
  if (!kind) return;
  const absl::Status status = CheckDsn(*kind, *dsn);
  if (!status.ok()) reader.Fail("dsn", std::string(status.message()));
}

TargetOptions ReadTarget(Reader& reader) {
  TargetOptions target;
  std::optional<TargetKind> kind;
  if (reader.ReadChoice<TargetKind>("kind", &target.kind,
                                    {{"postgresql", TargetKind::kPostgresql},
                                     {"mysql", TargetKind::kMysql},
                                     {"sqlite", TargetKind::kSqlite}})) {
    kind = target.kind;
    target.name = TargetKindName(*kind);
  } else if (!reader.Has("kind")) {
    reader.Fail("kind", "is missing: expected postgresql or mysql or sqlite");
  }
  if (reader.Read("name", &target.name) && !IsTargetName(target.name)) {
    reader.Fail("name", "expected at most 64 letters, digits, '_', '-' or '.': it becomes a label");
    target.name.clear();  // may be a misplaced DSN: no error may show it
  }
  ReadDsn(reader, kind, &target.dsn);
  reader.ReadInteger("connections_max", &target.connections_max, {1, 1000, "connections"});
  reader.RefuseOthers();
  return target;
}

// Two targets with one text are one database; two tables of one database are found when opened.
std::string DatabaseOf(const TargetOptions& target) {
  if (target.kind != TargetKind::kSqlite) return target.dsn;
  return std::filesystem::path(target.dsn).lexically_normal().string();
}

void ReadTableName(Reader& reader, std::string* name) {
  if (!reader.Read("name", name)) {
    if (!reader.Has("name")) {
      reader.Fail("name",
                  "is missing: expected a table's name, or '*' for all that are not listed");
    }
    return;
  }
  if (*name == kAnyTable) return;
  if (absl::StrContains(*name, '/')) {
    reader.Fail("name",
                "holds a '/': expected the table's name alone, and its target under `target`");
  } else if (absl::StatusOr<TableName> parsed = ParseTableName(*name); !parsed.ok()) {
    reader.Fail("name", std::string(parsed.status().message()));
  }
}

void ReadTableTarget(Reader& reader, const Options& options, std::string* target) {
  if (reader.Read("target", target)) {
    // A target without a name has an error of its own, and might be the one that is meant.
    if (absl::c_none_of(options.targets, [&](const TargetOptions& known) {
          return known.name == *target || known.name.empty();
        })) {
      reader.Fail("target", "names no target: expected one of " + TargetNames(options));
    }
  } else if (!reader.Has("target") && options.targets.size() == 1) {
    *target = options.targets[0].name;
  } else if (!reader.Has("target")) {
    reader.Fail("target", "is missing: expected one of " + TargetNames(options));
  }
}

// Equal for names that surely mean the same table of one target.
std::string PhysicalTable(const TableOptions& table, const Options& options) {
  const auto target = absl::c_find_if(
      options.targets, [&](const TargetOptions& known) { return known.name == table.target; });
  if (target == options.targets.end() || target->kind != TargetKind::kSqlite) {
    return absl::StrCat(table.target, "/", table.name);
  }
  const std::string lower = absl::AsciiStrToLower(table.name);
  return absl::StrCat(table.target, "/", absl::StripPrefix(lower, "main."));
}

}  // namespace

void ReadTargets(Reader& root, Options* options) {
  FirstSeen names;
  FirstSeen databases;
  for (Reader& reader : root.List("targets")) {
    TargetOptions target = ReadTarget(reader);
    if (const std::string* first = names.Find(target.name, reader.path());
        first != nullptr && !target.name.empty()) {
      reader.Fail("name", absl::StrCat("is the name of ", *first, " too: expected another"));
    }
    if (const std::string* first = databases.Find(DatabaseOf(target), reader.path());
        first != nullptr && !target.dsn.empty()) {
      reader.Fail("dsn", absl::StrCat("is the database of ", *first, " too: expected another"));
    }
    options->targets.push_back(std::move(target));
  }
  if (options->targets.empty()) options->targets.push_back(DefaultTarget(options->data_dir));
}

void ReadTables(Reader& root, Options* options) {
  FirstSeen tables;
  for (Reader& reader : root.List("tables")) {
    TableOptions table;
    ReadTableName(reader, &table.name);
    ReadTableTarget(reader, *options, &table.target);
    ReadTable(reader, options->limits, &table);
    reader.RefuseOthers();
    const bool any = table.name == kAnyTable;
    if (const std::string* first =
            tables.Find(any ? table.name : PhysicalTable(table, *options), reader.path());
        first != nullptr && !table.name.empty()) {
      reader.Fail("name", absl::StrCat("is the table of ", *first, " too: expected each once"));
    }
    options->tables.push_back(std::move(table));
  }
  if (root.Has("tables")) return;
  if (root.Has("targets")) {
    root.Fail("tables", "is missing: expected a list; an entry with the name '*' takes all tables");
  }
  options->tables.push_back(DefaultTable(options->targets[0].name));
  BatchOptions& batch = options->tables[0].batch;
  batch.bytes_max = std::min(batch.bytes_max, options->limits.memory_bytes_max);
}

}  // namespace batchsql
