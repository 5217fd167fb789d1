#include "core/dead_letters/letter_format.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/journal/checksum.h"
#include "core/journal/journal_format.h"
#include "core/strings.h"

namespace batchsql {
namespace {

constexpr std::string_view kMagic = "bsqldead";
constexpr uint32_t kFrameMagic = 0x4c514c44;
constexpr uint64_t kFrameHeaderBytes = 24;
constexpr std::string_view kSuffix = ".letters";

uint64_t ChecksumOf(uint64_t salt, std::string_view bytes) {
  return Checksum::Of(salt, {bytes.data(), bytes.size()});
}

}  // namespace

std::string LetterFileHeader::Encode() const {
  std::string bytes(kMagic);
  ByteWriter out(&bytes);
  out.U32(version);
  out.U32(number);
  out.U64(salt);
  out.U64(previous_end);
  out.U64(0);
  out.U64(ChecksumOf(0, bytes));
  return bytes;
}

std::optional<LetterFileHeader> LetterFileHeader::Decode(std::string_view bytes) {
  if (bytes.size() < kLetterHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  constexpr size_t kChecked = kLetterHeaderBytes - sizeof(uint64_t);
  ByteReader in(bytes.substr(kMagic.size()));
  LetterFileHeader header;
  header.version = in.U32();
  header.number = in.U32();
  header.salt = in.U64();
  header.previous_end = in.U64();
  in.U64();
  if (in.U64() != ChecksumOf(0, bytes.substr(0, kChecked))) return std::nullopt;
  return header;
}

uint64_t LetterFrameBytes(uint64_t body) { return AlignUp(kFrameHeaderBytes + body, 8); }

std::optional<LetterFrame> LetterFrameAt(std::string_view file, uint64_t salt, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < kFrameHeaderBytes) return std::nullopt;
  ByteReader in(file.substr(offset));
  const uint64_t checksum = in.U64();
  LetterFrame frame;
  frame.bytes = in.U32();
  const uint32_t magic = in.U32();
  frame.group_offset = in.U64();
  if (magic != kFrameMagic || LetterFrameBytes(frame.bytes) > file.size() - offset) {
    return std::nullopt;
  }
  const std::string_view checked =
      file.substr(offset + sizeof(checksum), kFrameHeaderBytes - sizeof(checksum) + frame.bytes);
  if (ChecksumOf(salt, checked) != checksum) return std::nullopt;
  frame.body = file.substr(offset + kFrameHeaderBytes, frame.bytes);
  return frame;
}

void AppendLetterFrame(std::string_view body, uint64_t salt, uint64_t group_offset,
                       std::string* bytes) {
  std::string checked;
  ByteWriter out(&checked);
  out.U32(static_cast<uint32_t>(body.size()));
  out.U32(kFrameMagic);
  out.U64(group_offset);
  checked += body;
  ByteWriter(bytes).U64(ChecksumOf(salt, checked));
  *bytes += checked;
  bytes->resize(AlignUp(bytes->size(), 8), '\0');
}

bool HasLaterLetterFrame(std::string_view file, uint64_t salt, uint64_t bad) {
  for (uint64_t at = bad + 8; at + kFrameHeaderBytes <= file.size(); at += 8) {
    const std::optional<LetterFrame> frame = LetterFrameAt(file, salt, at);
    if (frame.has_value() && frame->group_offset > bad) return true;
  }
  return false;
}

std::string LetterBody(LetterState state, const DeadLetter& letter) {
  std::string body;
  ByteWriter out(&body);
  out.U8(kLetterFrame);
  out.U8(static_cast<uint8_t>(state));
  AppendLetter(letter, &body);
  return body;
}

std::string LetterMarkBody(LetterMark mark, absl::Span<const uint64_t> numbers) {
  std::string body;
  ByteWriter out(&body);
  out.U8(static_cast<uint8_t>(mark));
  for (const uint64_t number : numbers) out.U64(number);
  return body;
}

absl::StatusOr<KeptLetter> ParseLetterBody(std::string_view body) {
  ByteReader in(body);
  const uint8_t kind = in.U8();
  const uint8_t state = in.U8();
  if (!in.ok() || kind != kLetterFrame || state > static_cast<uint8_t>(LetterState::kReplayed)) {
    return absl::DataLossError("no dead letter");
  }
  absl::StatusOr<DeadLetter> letter = ParseLetter(body.substr(2));
  if (!letter.ok()) return letter.status();
  return KeptLetter{static_cast<LetterState>(state), *std::move(letter)};
}

std::string LetterFilePath(const std::string& directory, uint32_t number) {
  return absl::StrCat(directory, "/", absl::Dec(number, absl::kZeroPad10), AsAbsl(kSuffix));
}

std::vector<uint32_t> LetterFileNumbers(const std::vector<std::string>& names) {
  std::vector<uint32_t> numbers;
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, AsAbsl(kSuffix))) continue;
    uint32_t number = 0;
    if (absl::SimpleAtoi(name.substr(0, name.size() - kSuffix.size()), &number)) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

absl::StatusOr<std::string> ReadLetterFile(File& file) {
  const absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  std::string bytes(*size, '\0');
  absl::Status status = file.Read(0, absl::MakeSpan(bytes.data(), bytes.size()));
  if (!status.ok()) return status;
  return bytes;
}

absl::Status NewerLetters(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " was written by a newer version of batchsqld"));
}

}  // namespace batchsql
