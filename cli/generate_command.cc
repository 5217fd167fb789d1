#include <cerrno>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/generator.h"
#include "cli/input_file.h"

namespace batchsql::cli {
namespace {

constexpr size_t kWriteBytes = size_t{1} << 20;

int Complain(const std::string& what) {
  std::fprintf(stderr, "batchsql: %s\n", what.c_str());
  return kExitUsage;
}

bool Flush(std::string& buffer, std::FILE* out) {
  const bool written = std::fwrite(buffer.data(), 1, buffer.size(), out) == buffer.size();
  buffer.clear();
  return written;
}

bool Generate(Generator& generator, uint64_t rows, std::FILE* out) {
  generator.buffer().reserve(kWriteBytes + kWriteBytes / 16);
  generator.Header();
  for (uint64_t row = 0; row < rows; ++row) {
    generator.Row();
    if (generator.buffer().size() >= kWriteBytes && !Flush(generator.buffer(), out)) return false;
  }
  return Flush(generator.buffer(), out) && std::fflush(out) == 0;
}

}  // namespace

int RunGenerate(const GenerateCommand& command) {
  absl::StatusOr<Generator> generator =
      Generator::Create(command.workload, command.seed, command.format);
  if (!generator.ok()) return Complain(std::string(generator.status().message()));
  const bool to_file = command.path != "-";
  std::FILE* const out = to_file ? std::fopen(command.path.c_str(), "w") : stdout;
  bool written = out != nullptr && Generate(*generator, command.rows, out);
  if (out != nullptr && to_file) written = std::fclose(out) == 0 && written;
  return written ? kExitOk : Complain(command.path + ": " + ErrorText(errno));
}

}  // namespace batchsql::cli
