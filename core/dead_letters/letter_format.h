#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dead_letters/dead_letter.h"
#include "core/env.h"

namespace batchsql {

// The bytes of dead letters' files: docs/dead-letters.md, "Files".

inline constexpr uint32_t kLettersVersion = 1;
inline constexpr uint64_t kLetterHeaderBytes = 48;

struct LetterFileHeader {
  uint32_t version = kLettersVersion;
  uint32_t number = 0;
  uint64_t salt = 0;
  uint64_t previous_end = 0;  // 0: none

  std::string Encode() const;
  // nullopt: none. The version is not looked at.
  static std::optional<LetterFileHeader> Decode(std::string_view bytes);
};

struct LetterFrame {
  uint32_t bytes = 0;  // of the body
  uint64_t group_offset = 0;
  std::string_view body;
};

// What a frame takes of a file.
uint64_t LetterFrameBytes(uint64_t body);
void AppendLetterFrame(std::string_view body, uint64_t salt, uint64_t group_offset,
                       std::string* bytes);
// The frame at `offset` of a file's bytes; nullopt: none, or a bad one.
std::optional<LetterFrame> LetterFrameAt(std::string_view file, uint64_t salt, uint64_t offset);
// A valid frame of a later write than the one that begins at `bad` or before.
bool HasLaterLetterFrame(std::string_view file, uint64_t salt, uint64_t bad);

// What a frame that holds no letter says of the numbers in it.
enum class LetterMark : uint8_t {
  kConfirmed = 2,  // attempts
  kReplayed = 3,   // ids
  kPurged = 4,     // ids
  kNextId = 5,     // ids below were given
};

inline constexpr uint8_t kLetterFrame = 1;  // the first byte of a letter's body

std::string LetterBody(LetterState state, const DeadLetter& letter);
std::string LetterMarkBody(LetterMark mark, absl::Span<const uint64_t> numbers);
// DATA_LOSS: no letter.
absl::StatusOr<KeptLetter> ParseLetterBody(std::string_view body);

std::string LetterFilePath(const std::string& directory, uint32_t number);
// Of those of the names that are files of letters; in their order.
std::vector<uint32_t> LetterFileNumbers(const std::vector<std::string>& names);
absl::StatusOr<std::string> ReadLetterFile(File& file);
absl::Status NewerLetters(const std::string& path);

}  // namespace batchsql
