#include "cli/generator.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/civil_time.h"
#include "core/strings.h"

namespace batchsql::cli {
namespace {

constexpr int64_t kFirstMicros = 1'704'067'200 * kMicrosPerSecond;  // 2024-01-01T00:00:00Z
constexpr uint64_t kMicrosBetweenRows = 10'000;

constexpr std::array<std::string_view, 32> kSyllables = {
    "ba",  "ce",  "di",  "fo",  "gu",  "ha",  "je",  "ki",  "lo",  "mu",  "na",
    "pe",  "ri",  "so",  "tu",  "va",  "we",  "xi",  "yo",  "zu",  "bel", "dor",
    "fin", "gar", "hol", "kim", "lan", "mir", "nor", "per", "ros", "tal"};
constexpr std::array<std::string_view, 32> kWords = {
    "order", "shipped", "paid",   "late",    "parcel", "invoice", "credit",  "return",
    "open",  "closed",  "north",  "harbour", "night",  "express", "fragile", "signed",
    "depot", "route",   "driver", "window",  "gate",   "cold",    "chain",   "weight",
    "scan",  "label",   "retry",  "address", "office", "pallet",  "dock",    "truck"};

// One random number gives twelve syllables or words: five bits each.
class Picker {
 public:
  explicit Picker(Random& random) : bits_(random.Next()) {}
  size_t Next() {
    const size_t picked = bits_ & 31U;
    bits_ >>= 5U;
    return picked;
  }

 private:
  uint64_t bits_;
};

// About 16 characters.
void AppendName(Random& random, std::string* out) {
  Picker picker(random);
  for (int word = 0; word < 2; ++word) {
    if (word > 0) out->push_back(' ');
    const size_t begin = out->size();
    const size_t syllables = 2 + picker.Next() % 3;
    for (size_t i = 0; i < syllables; ++i) out->append(kSyllables[picker.Next()]);
    (*out)[begin] = static_cast<char>((*out)[begin] - 'a' + 'A');
  }
}

// About 40 characters; sometimes with a comma, less often with quotes.
void AppendPayload(Random& random, std::string* out) {
  Picker picker(random);
  const bool quoted = picker.Next() == 0;
  for (int word = 0; word < 6; ++word) {
    if (word > 0) out->append(quoted && word == 3 ? ", " : " ");
    const bool in_quotes = quoted && word == 4;
    if (in_quotes) out->push_back('"');
    out->append(kWords[picker.Next()]);
    if (in_quotes) out->push_back('"');
  }
}

// Ascending with the row. No zone: all three databases read it as it stands, and as UTC.
std::string_view MomentOf(uint64_t index, Random& random, absl::Span<char> buffer) {
  const auto micros =
      static_cast<int64_t>(index * kMicrosBetweenRows + random.Below(kMicrosBetweenRows));
  return FormatTimestamp(kFirstMicros + micros, 6, ' ', buffer);
}

// 0.00 to `below`/100, with two digits after the point.
std::string_view AmountBelow(uint64_t below, Random& random, absl::Span<char> buffer) {
  const uint64_t hundredths = random.Below(below);
  const auto end = absl::StrCat(hundredths / 100, ".", hundredths / 10 % 10, hundredths % 10);
  end.copy(buffer.data(), end.size());
  return {buffer.data(), end.size()};
}

void MakeEvent(uint64_t index, Random& random, RowWriter& writer) {
  static thread_local std::string text;
  std::array<char, kTimestampChars> buffer{};
  writer.Uint(index + 1);
  writer.Plain(MomentOf(index, random, absl::MakeSpan(buffer)));
  writer.Uint(1 + random.Below(100'000));
  text.clear();
  AppendName(random, &text);
  writer.Text(text);
  writer.Literal(AmountBelow(1'000'000, random, absl::MakeSpan(buffer)));
  text.clear();
  AppendPayload(random, &text);
  writer.Text(text);
  writer.EndRow();
}

// Half of the rows go to ten of the thousand keys.
void MakeCounter(uint64_t index, Random& random, RowWriter& writer) {
  std::array<char, kTimestampChars> buffer{};
  const uint64_t keys = random.Below(2) == 0 ? 10 : 1000;
  writer.Uint(1 + random.Below(keys));
  writer.Uint(index + 1);
  writer.Literal(AmountBelow(100'000, random, absl::MakeSpan(buffer)));
  writer.Plain(MomentOf(index, random, absl::MakeSpan(buffer)));
  writer.EndRow();
}

constexpr std::array<int64_t, 6> kIntegers = {0,
                                              1,
                                              -1,
                                              std::numeric_limits<int64_t>::max(),
                                              std::numeric_limits<int64_t>::min(),
                                              int64_t{1} << 53};
constexpr std::array<std::string_view, 8> kReals = {"0.1",
                                                    "-1.5",
                                                    "1e300",
                                                    "5e-324",
                                                    "1.7976931348623157e308",
                                                    "-0.0",
                                                    "3.141592653589793",
                                                    "123456789.125"};
constexpr std::array<std::string_view, 5> kDecimals = {
    "0.00", "-12.50", "12345678901234567890123456789012345.678", "0.01",
    "-99999999999999999999999999999999999.999"};
constexpr std::array<std::string_view, 10> kTexts = {"",
                                                     "plain",
                                                     "comma, here",
                                                     "\"quoted\"",
                                                     "two\nlines",
                                                     "tab\tand \\ backslash",
                                                     "Grüße aus Köln",
                                                     "日本語のテキスト",
                                                     "😀 four bytes 𝄞",
                                                     " spaces around "};
constexpr std::array<std::string_view, 6> kDates = {"1970-01-01", "1969-12-31", "2000-02-29",
                                                    "2038-01-20", "1900-03-01", "9999-12-31"};
constexpr std::array<std::string_view, 4> kClocks = {"00:00:00", "23:59:59.999999", "12:30:00",
                                                     "06:07:08.5"};
constexpr std::array<std::string_view, 5> kMoments = {
    "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2038-01-19T03:14:08+00:00",
    "2024-02-29T23:59:59.123456+02:00", "2024-07-01 12:00:00-05:30"};
constexpr std::array<std::string_view, 5> kDocuments = {
    R"({"a":1,"b":[true,null,"x"]})", R"([])", R"({})", R"({"deep":{"er":{"est":[1,2.5,-3]}}})",
    R"({"text":"ü \" \\ 😀"})"};
constexpr std::array<std::string_view, 4> kLists = {R"([])", R"([1,2,3])", R"([null,-7])",
                                                    R"([9007199254740993])"};

template <size_t N>
std::string_view Pick(const std::array<std::string_view, N>& choices, Random& random) {
  return choices[random.Below(N)];
}

void AppendHex(uint64_t bits, size_t digits, std::string* out) {
  for (; digits > 0; --digits) out->push_back("0123456789abcdef"[bits >> (digits * 4 - 4) & 15U]);
}

std::string Uuid(Random& random) {
  std::string text;
  const uint64_t high = random.Next();
  const uint64_t low = random.Next();
  AppendHex(high >> 32U, 8, &text);
  text += '-';
  AppendHex(high >> 16U, 4, &text);
  text += "-4";
  AppendHex(high, 3, &text);
  text += "-a";
  AppendHex(low >> 48U, 3, &text);
  text += '-';
  AppendHex(low, 12, &text);
  return text;
}

std::string Bytes(Random& random) {
  std::string text = "\\x";
  for (uint64_t bytes = random.Below(12); bytes > 0; --bytes) AppendHex(random.Next(), 2, &text);
  return text;
}

// Every column but the id is NULL in one row of ten.
void MakeTypes(uint64_t index, Random& random, RowWriter& writer) {
  const auto cell = [&](auto write) { random.Below(10) == 0 ? writer.Null() : write(); };
  writer.Uint(index + 1);
  cell([&] { writer.Literal(random.Below(2) == 0 ? "true" : "false"); });
  cell([&] { writer.Int(kIntegers[random.Below(kIntegers.size())]); });
  cell([&] { writer.Uint(random.Next() >> (random.Below(2) * 40)); });
  cell([&] { writer.Literal(Pick(kReals, random)); });
  cell([&] { writer.Plain(Pick(kDecimals, random)); });
  cell([&] { writer.Text(Pick(kTexts, random)); });
  cell([&] { writer.Text(Bytes(random)); });
  cell([&] { writer.Plain(Pick(kDates, random)); });
  cell([&] { writer.Plain(Pick(kClocks, random)); });
  cell([&] { writer.Plain(Pick(kMoments, random)); });
  cell([&] { writer.Plain(Uuid(random)); });
  cell([&] { writer.Json(Pick(kDocuments, random)); });
  cell([&] { writer.Json(Pick(kLists, random)); });
  writer.EndRow();
}

}  // namespace

const std::vector<Generator::Workload>& Generator::Workloads() {
  static const auto* const workloads = new std::vector<Workload>{
      {"w", {"id", "ts", "user_id", "name", "amount", "payload"}, MakeEvent},
      {"keys", {"id", "version", "value", "updated_at"}, MakeCounter},
      {"types",
       {"id", "flag", "whole", "natural", "real", "amount", "text", "raw", "day", "clock", "moment",
        "uid", "document", "list"},
       MakeTypes},
  };
  return *workloads;
}

std::string Generator::WorkloadNames() {
  std::string names;
  for (const Workload& workload : Workloads()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", AsAbsl(workload.name));
  }
  return names;
}

absl::StatusOr<Generator> Generator::Create(std::string_view workload, uint64_t seed,
                                            FileFormat format) {
  for (const Workload& known : Workloads()) {
    if (known.name != workload) continue;
    return Generator(known.make_row, seed, RowWriter::Create(format, known.columns));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no workload \"", AsAbsl(workload), "\"; there are ", WorkloadNames()));
}

Generator::Generator(MakeRow make_row, uint64_t seed, std::unique_ptr<RowWriter> writer)
    : make_row_(make_row), random_(seed), writer_(std::move(writer)) {}

void Generator::Row() { make_row_(index_++, random_, *writer_); }

}  // namespace batchsql::cli
