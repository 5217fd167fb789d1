#include <cstdio>
#include <filesystem>

#include "cli/call.h"
#include "cli/monitoring/commands.h"
#include "cli/monitoring/text_files.h"

namespace batchsql::cli {

int RunRender(const RenderCommand& command) {
  const absl::StatusOr<std::vector<RenderedFile>> files = Render(command.options);
  if (!files.ok()) return Fail(files.status());
  for (const RenderedFile& file : *files) {
    const std::filesystem::path path = std::filesystem::path(command.out) / file.path;
    if (absl::Status written = WriteTextFile(path, file.text); !written.ok()) {
      return Fail(written);
    }
    std::printf("%s\n", path.c_str());
  }
  std::printf("render: files=%zu\n", files->size());
  return kExitOk;
}

}  // namespace batchsql::cli
