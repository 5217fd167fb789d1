#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"

namespace batchsql::cli {
namespace {

namespace fs = std::filesystem;

// A copy of the golden journal, and room for what is made of it.
class Folder {
 public:
  Folder() {
    std::random_device random;
    path_ = fs::temp_directory_path() / absl::StrCat("batchsql-journal-", random());
    fs::create_directory(path_);
    fs::copy(absl::StrCat(BATCHSQL_JOURNAL_GOLDEN, "/v1"), path_ / "j",
             fs::copy_options::recursive);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  void Damage() const {
    std::fstream file(path_ / "j" / "0000000000000001.segment",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4300).write("xxxx", 4);
  }

 private:
  fs::path path_;
};

TEST_CASE("A sound journal is verified with exit status 0, a damaged one with 1, none with 2") {
  const Folder folder;
  CHECK(RunJournalVerify({folder / "j", "", 0}) == kExitOk);
  CHECK(RunJournalDump({folder / "j", "", 0}) == kExitOk);
  folder.Damage();
  CHECK(RunJournalVerify({folder / "j", "", 0}) == kExitDamaged);
  CHECK(RunJournalVerify({folder / "none", "", 0}) == kExitUsage);
}

TEST_CASE("Repair writes a sound copy beside the damaged journal, once") {
  const Folder folder;
  folder.Damage();
  CHECK(RunJournalAdopt({folder / "j", folder / "a", 0}) == kExitDamaged);
  CHECK(RunJournalRepair({folder / "j", folder / "r", 0}) == kExitDamaged);
  CHECK(RunJournalVerify({folder / "r", "", 0}) == kExitOk);
  CHECK(RunJournalVerify({folder / "j", "", 0}) == kExitDamaged);
  CHECK(RunJournalRepair({folder / "j", folder / "r", 0}) == kExitUsage);
  CHECK(RunJournalAdopt({folder / "r", folder / "a", 10}) == kExitOk);
  CHECK(RunJournalVerify({folder / "a", "", 0}) == kExitOk);
  CHECK(RunJournalAdopt({folder / "r", folder / "b", 11}) == kExitUsage);
}

}  // namespace
}  // namespace batchsql::cli
