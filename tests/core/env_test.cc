#include "core/env.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"

namespace batchsql {
namespace {

// A directory of its own, gone at the end.
class Folder {
 public:
  Folder() {
    std::random_device random;
    path_ = std::filesystem::temp_directory_path() / absl::StrCat("batchsql-env-", random());
    REQUIRE(Env::System()->MakeDirectory(path_.string()).ok());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

mode_t Mode(const std::string& path) {
  struct stat facts {};
  REQUIRE(stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777U;
}

std::string ReadAt(File& file, uint64_t offset, size_t size) {
  std::string bytes(size, '?');
  REQUIRE(file.Read(offset, absl::MakeSpan(bytes.data(), size)).ok());
  return bytes;
}

TEST_CASE("Files and directories are nobody else's") {
  const Folder folder;
  CHECK(Mode(folder.path()) == 0700);
  REQUIRE(Env::System()->Create(folder / "a").ok());
  CHECK(Mode(folder / "a") == 0600);
  CHECK(Env::System()->MakeDirectory(folder.path()).ok());
  CHECK(absl::IsAlreadyExists(Env::System()->MakeDirectory(folder / "a")));
}

TEST_CASE("More parts than the system takes at once are written in order") {
  const Folder folder;
  auto file = Env::System()->Create(folder / "a");
  REQUIRE(file.ok());
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back(i % 7 == 0 ? "" : absl::StrCat(i, ","));
  std::vector<absl::Span<const char>> parts;
  for (const std::string& text : texts) {
    parts.emplace_back(text);
    expected += text;
  }
  REQUIRE((*file)->Write(5, parts).ok());
  REQUIRE((*file)->Sync().ok());
  REQUIRE((*file)->DropCache().ok());
  CHECK(ReadAt(**file, 5, expected.size()) == expected);
  CHECK(ReadAt(**file, 0, 5) == std::string(5, '\0'));
  CHECK((*file)->Size().value() == expected.size() + 5);
  char byte = 0;
  CHECK(absl::IsOutOfRange((*file)->Read(expected.size() + 5, absl::MakeSpan(&byte, 1))));
}

TEST_CASE("Allocated space reads as zeros and belongs to the file") {
  const Folder folder;
  auto file = Env::System()->Create(folder / "a");
  REQUIRE((*file)->Allocate(1 << 20).ok());
  CHECK((*file)->Size().value() == 1 << 20);
  CHECK(ReadAt(**file, 1000, 100) == std::string(100, '\0'));
  struct stat facts {};
  REQUIRE(stat((folder / "a").c_str(), &facts) == 0);
  CHECK(facts.st_blocks * 512 >= 1 << 20);
}

TEST_CASE("Names are listed, moved and removed; errors say which and what") {
  const Folder folder;
  Env& env = *Env::System();
  REQUIRE(env.Create(folder / "b").ok());
  CHECK(absl::IsAlreadyExists(env.Create(folder / "b").status()));
  REQUIRE(env.Create(folder / "a").ok());
  CHECK(env.List(folder.path()).value() == std::vector<std::string>{"a", "b"});
  CHECK(env.Rename(folder / "a", folder / "b").ok());
  CHECK(env.List(folder.path()).value() == std::vector<std::string>{"b"});
  CHECK(env.SyncDirectory(folder.path()).ok());
  CHECK(env.Remove(folder / "b").ok());
  const absl::Status gone = env.Remove(folder / "b");
  CHECK(absl::IsNotFound(gone));
  CHECK(gone.message() == (folder / "b") + ": unlink: No such file or directory");
  CHECK(absl::IsNotFound(env.Open(folder / "b", false).status()));
  CHECK(absl::IsNotFound(env.List(folder / "none").status()));
  CHECK(absl::IsNotFound(env.Rename(folder / "none", folder / "a")));
  CHECK(absl::IsNotFound(env.SyncDirectory(folder / "none")));
  CHECK(absl::IsNotFound(env.MakeDirectory(folder / "none/a")));
}

TEST_CASE("A write that the system cuts short goes on, until it is told why it cannot") {
  const Folder folder;
  auto file = Env::System()->Create(folder / "a");
  REQUIRE(file.ok());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const absl::Status status =
      (*file)->Write(0, {absl::Span<const char>("1234", 4), absl::Span<const char>("567890ab", 8)});
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(absl::IsUnavailable(status));
  CHECK((*file)->Size().value() == 10);
  CHECK(ReadAt(**file, 0, 10) == "1234567890");
}

TEST_CASE("What is no file is not taken for one") {
  const Folder folder;
  Env& env = *Env::System();
  auto directory = env.Open(folder.path(), false);
  REQUIRE(directory.ok());
  char byte = 0;
  CHECK(absl::IsUnavailable((*directory)->Read(0, absl::MakeSpan(&byte, 1))));
  auto device = env.Open("/dev/full", true);
  REQUIRE(device.ok());
  CHECK_FALSE((*device)->Allocate(4096).ok());
  CHECK_FALSE((*device)->Sync().ok());
}

TEST_CASE(
    "A full device is RESOURCE_EXHAUSTED; a link is not followed; what is read-only is not "
    "written") {
  const Folder folder;
  Env& env = *Env::System();
  auto full = env.Open("/dev/full", true);
  REQUIRE(full.ok());
  const absl::Span<const char> part("x", 1);
  CHECK(absl::IsResourceExhausted((*full)->Write(0, {part})));
  std::filesystem::create_symlink("/dev/full", folder / "link");
  CHECK(absl::IsPermissionDenied(env.Open(folder / "link", true).status()));
  REQUIRE(env.Create(folder / "a").ok());
  CHECK_FALSE((*env.Open(folder / "a", false))->Write(0, {part}).ok());
}

}  // namespace
}  // namespace batchsql
