#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "cli/input_file.h"

namespace batchsql::cli {

// A file with the given bytes, for the time of a test.
class TextInput {
 public:
  explicit TextInput(std::string_view text) {
    char path[] = "/tmp/batchsql_cli_XXXXXX";
    const int descriptor = mkstemp(path);
    if (descriptor < 0) std::abort();
    close(descriptor);
    path_ = path;
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TextInput() { std::filesystem::remove(path_); }
  TextInput(const TextInput&) = delete;
  TextInput& operator=(const TextInput&) = delete;

  const std::string& path() const { return path_; }
  InputFile Open() const { return *InputFile::Open(path_, nullptr); }

 private:
  std::string path_;
};

}  // namespace batchsql::cli
