#include "core/dead_letters/letter_inspect.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/bytes.h"
#include "core/dead_letters/letter_files.h"
#include "core/dead_letters/letter_format.h"

namespace batchsql {
namespace {

constexpr uint64_t kLetterBytesMin = 64;                // of any letter's frame
constexpr uint64_t kFileBytesMax = uint64_t{16} << 20;  // of a file that is missing
constexpr uint64_t kCopyBytes = uint64_t{1} << 20;      // at once; at least one letter

// Where a frame is: its file's number and its offset.
using Place = std::pair<uint32_t, uint64_t>;

// What a scan comes across, in the order of writing.
struct ScanEvents {
  // False: the body means nothing.
  absl::FunctionRef<bool(Place place, std::string_view body)> on_frame;
  // Bytes that cannot be read, and what is wrong.
  absl::FunctionRef<void(uint64_t bytes, bool is_there, std::string problem)> on_damage;
  absl::FunctionRef<void(uint64_t bytes)> on_torn;
};

absl::StatusOr<std::string> ReadPath(Env* env, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> file = env->Open(path, false);
  if (!file.ok()) return file.status();
  return ReadLetterFile(**file);
}

// The offset of the next valid frame behind a bad one; `end`: none.
uint64_t NextFrame(std::string_view file, uint64_t salt, uint64_t bad, uint64_t end) {
  for (uint64_t at = bad + 8; at < end; at += 8) {
    if (LetterFrameAt(file, salt, at).has_value()) return at;
  }
  return end;
}

// One file, whose header is good. `end`: what counts of it; nullopt: as much as can be read.
void ScanFrames(const std::string& path, std::string_view bytes, const LetterFileHeader& header,
                std::optional<uint64_t> end, const ScanEvents& events) {
  const std::string_view counted = bytes.substr(0, end.value_or(bytes.size()));
  uint64_t at = kLetterHeaderBytes;
  while (at < end.value_or(bytes.size())) {
    if (const auto frame = LetterFrameAt(counted, header.salt, at); frame.has_value()) {
      const uint64_t size = LetterFrameBytes(frame->bytes);
      if (!events.on_frame({header.number, at}, frame->body)) {
        events.on_damage(size, true, absl::StrCat(path, " at offset ", at, ": a bad body"));
      }
      at += size;
      continue;
    }
    if (!end.has_value() && !HasLaterLetterFrame(bytes, header.salt, at)) {
      const size_t last = bytes.find_last_not_of('\0');
      if (last != std::string_view::npos && last >= at) events.on_torn(last + 1 - at);
      return;
    }
    const uint64_t next = NextFrame(counted, header.salt, at, end.value_or(bytes.size()));
    events.on_damage(next - at, true,
                     absl::StrCat(path, " at offset ", at, ": ", next - at, " bad bytes"));
    at = next;
  }
}

absl::Status Scan(Env* env, const std::string& directory, const std::vector<uint32_t>& numbers,
                  const ScanEvents& events) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::string path = LetterFilePath(directory, numbers[i]);
    for (uint32_t gone = i == 0 ? numbers[i] : numbers[i - 1] + 1; gone < numbers[i]; ++gone) {
      events.on_damage(kFileBytesMax, false,
                       absl::StrCat(LetterFilePath(directory, gone), ": is missing"));
    }
    const absl::StatusOr<std::string> bytes = ReadPath(env, path);
    if (!bytes.ok()) return bytes.status();
    const std::optional<LetterFileHeader> header = LetterFileHeader::Decode(*bytes);
    if (!header.has_value() || header->number != numbers[i]) {
      events.on_damage(bytes->size(), true, absl::StrCat(path, " at offset 0: a bad header"));
      continue;
    }
    if (header->version > kLettersVersion) return NewerLetters(path);
    std::optional<uint64_t> end;
    if (i + 1 < numbers.size() && numbers[i + 1] == numbers[i] + 1) {
      const absl::StatusOr<std::string> behind =
          ReadPath(env, LetterFilePath(directory, numbers[i + 1]));
      if (!behind.ok()) return behind.status();
      const std::optional<LetterFileHeader> next = LetterFileHeader::Decode(*behind);
      if (next.has_value()) end = next->previous_end;
    }
    ScanFrames(path, *bytes, *header, end, events);
  }
  return absl::OkStatus();
}

// What is left of the letters, frame by frame. One thread.
class Survey {
 public:
  struct Known {
    Place place;
    LetterState state = LetterState::kPending;
    uint64_t attempt = 0;
    bool uncertain = false;
  };

  absl::Status Run(Env* env, const std::string& directory, const std::vector<uint32_t>& numbers) {
    report_.files = static_cast<uint32_t>(numbers.size());
    absl::Status status =
        Scan(env, directory, numbers,
             {[this](Place place, std::string_view body) { return TakeFrame(place, body); },
              [this](uint64_t bytes, bool is_there, std::string problem) {
                TakeDamage(bytes, is_there, std::move(problem));
              },
              [this](uint64_t bytes) { report_.torn_bytes += bytes; }});
    if (status.ok()) Finish();
    return status;
  }

  const std::map<uint64_t, Known>& letters() const { return letters_; }
  // Beyond every id that was given, also of letters that are lost.
  uint64_t next_id() const { return next_id_ + unseen_ids_; }
  LettersReport& report() { return report_; }

 private:
  bool TakeFrame(Place place, std::string_view body) {
    if (body.empty()) return false;
    const auto kind = static_cast<uint8_t>(body.front());
    if (kind != kLetterFrame) return TakeMarks(kind, body.substr(1));
    const absl::StatusOr<KeptLetter> kept = ParseLetterBody(body);
    if (!kept.ok()) return false;
    const uint64_t id = kept->letter.id;
    if (std::exchange(damaged_, false) && id > next_id_) {
      report_.lost.push_back({next_id_, id - 1});
    }
    letters_[id] = {place, kept->state, kept->letter.attempt, false};
    next_id_ = std::max(next_id_, id + 1);
    return true;
  }

  bool TakeMarks(uint8_t kind, std::string_view numbers) {
    ByteReader in(numbers);
    while (!in.empty()) {
      const uint64_t number = in.U64();
      if (!in.ok() || !TakeMark(static_cast<LetterMark>(kind), number)) return false;
    }
    return true;
  }

  bool TakeMark(LetterMark mark, uint64_t number) {
    switch (mark) {
      case LetterMark::kConfirmed:
        for (auto& [id, known] : letters_) {
          if (known.state != LetterState::kPending || known.attempt != number) continue;
          known.state = LetterState::kLive;
          known.uncertain = false;
        }
        return true;
      case LetterMark::kReplayed:
        if (const auto found = letters_.find(number); found != letters_.end()) {
          found->second.state = LetterState::kReplayed;
          found->second.uncertain = false;
        }
        return true;
      case LetterMark::kPurged:
        letters_.erase(number);
        return true;
      case LetterMark::kNextId:
        next_id_ = std::max(next_id_, number);
        return true;
    }
    return false;
  }

  // Notes about what was written before may have been here.
  void TakeDamage(uint64_t bytes, bool is_there, std::string problem) {
    report_.problems.push_back(std::move(problem));
    if (is_there) report_.lost_bytes += bytes;
    unseen_ids_ += bytes / kLetterBytesMin + 1;
    damaged_ = true;
    for (auto& [id, known] : letters_) known.uncertain |= known.state != LetterState::kReplayed;
  }

  void Finish() {
    if (damaged_) report_.lost.push_back({next_id_, next_id() - 1});
    for (const auto& [id, known] : letters_) {
      if (known.uncertain) report_.uncertain.push_back(id);
      const LetterState state = known.uncertain ? LetterState::kLive : known.state;
      ++(state == LetterState::kLive       ? report_.live
         : state == LetterState::kReplayed ? report_.replayed
                                           : report_.pending);
    }
  }

  std::map<uint64_t, Known> letters_;  // by id; as the last frame about each says
  uint64_t next_id_ = 1;
  uint64_t unseen_ids_ = 0;
  bool damaged_ = false;  // since the last letter
  LettersReport report_;
};

// Writes letters to a new folder, many to a sync. One thread; used once.
class LettersCopy {
 public:
  LettersCopy(Env* env, const std::string& out)
      : space_(env, "", UINT64_MAX / 2), files_(env, &space_, {out}) {}

  absl::Status Open() {
    return files_.Open([](const LetterFiles::Place&, std::string_view) {
      return absl::InternalError("not empty");
    });
  }
  void Add(std::string body) {
    if (!status_.ok()) return;
    bytes_ += body.size();
    bodies_.push_back(std::move(body));
    if (bytes_ >= kCopyBytes) Flush();
  }
  absl::Status Finish(uint64_t next_id) {
    Add(LetterMarkBody(LetterMark::kNextId, {next_id}));
    Flush();
    return status_;
  }

 private:
  void Flush() {
    if (!status_.ok() || bodies_.empty()) return;
    status_ = files_.Append(bodies_, /*needed=*/true).status();
    bodies_.clear();
    bytes_ = 0;
  }

  LetterSpace space_;
  LetterFiles files_;
  std::vector<std::string> bodies_;
  uint64_t bytes_ = 0;
  absl::Status status_;
};

absl::StatusOr<std::vector<uint32_t>> FindLetters(Env* env, const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = env->List(directory);
  if (!names.ok()) return names.status();
  std::vector<uint32_t> numbers = LetterFileNumbers(*names);
  if (numbers.empty()) return absl::NotFoundError(absl::StrCat(directory, ": no dead letters"));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::Status MakeEmpty(Env* env, const std::string& directory) {
  if (absl::Status status = env->MakeDirectory(directory); !status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> names = env->List(directory);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  if (names->empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(directory, ": is not empty"));
}

// An attempt of which it is not known whether it committed is none.
std::string CopiedBody(KeptLetter kept, const Survey::Known& known) {
  const bool is_unknown = known.uncertain && known.state == LetterState::kPending;
  if (is_unknown) kept.letter.attempt = 0;
  return LetterBody(is_unknown ? LetterState::kLive : known.state, kept.letter);
}

}  // namespace

absl::StatusOr<LettersReport> VerifyLetters(Env* env, const std::string& directory) {
  const absl::StatusOr<std::vector<uint32_t>> numbers = FindLetters(env, directory);
  if (!numbers.ok()) return numbers.status();
  Survey survey;
  if (absl::Status status = survey.Run(env, directory, *numbers); !status.ok()) return status;
  return std::move(survey.report());
}

absl::StatusOr<LettersReport> RepairLetters(Env* env, const std::string& directory,
                                            const std::string& out) {
  const absl::StatusOr<std::vector<uint32_t>> numbers = FindLetters(env, directory);
  if (!numbers.ok()) return numbers.status();
  Survey survey;
  absl::Status status = survey.Run(env, directory, *numbers);
  if (status.ok()) status = MakeEmpty(env, out);
  LettersCopy copy(env, out);
  if (status.ok()) status = copy.Open();
  if (!status.ok()) return status;
  const auto take = [&](Place place, std::string_view body) {
    absl::StatusOr<KeptLetter> kept = ParseLetterBody(body);
    if (!kept.ok()) return true;  // a mark: the survey knows
    const auto found = survey.letters().find(kept->letter.id);
    if (found != survey.letters().end() && found->second.place == place) {
      copy.Add(CopiedBody(*std::move(kept), found->second));
    }
    return true;
  };
  status = Scan(env, directory, *numbers,
                {take, [](uint64_t, bool, const std::string&) {}, [](uint64_t) {}});
  if (status.ok()) status = copy.Finish(survey.next_id());
  if (!status.ok()) return status;
  return std::move(survey.report());
}

}  // namespace batchsql
