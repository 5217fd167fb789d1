#include "executors/postgresql/binary_numeric.h"

#include <cstdint>

#include "executors/postgresql/big_endian.h"

namespace batchsql::postgresql {
namespace {

constexpr uint16_t kNegative = 0x4000;
constexpr uint16_t kNaN = 0xC000;
constexpr size_t kGroup = 4;  // decimal digits in one of base 10000

// Decimal digits [begin, begin + kGroup) of `digits` as a number; those outside the text are zeros.
uint16_t GroupAt(std::string_view digits, ptrdiff_t begin) {
  uint16_t group = 0;
  for (ptrdiff_t i = begin; i < begin + static_cast<ptrdiff_t>(kGroup); ++i) {
    const bool inside = i >= 0 && i < static_cast<ptrdiff_t>(digits.size());
    group = static_cast<uint16_t>(group * 10 + (inside ? digits[i] - '0' : 0));
  }
  return group;
}

// Writes groups into a run that has neither leading nor trailing zero groups.
class GroupWriter {
 public:
  explicit GroupWriter(char* out) : begin_(out), out_(out), kept_(out) {}

  void Put(uint16_t group) {
    if (group == 0 && out_ == begin_) {
      ++leading_zeros_;
      return;
    }
    out_ = Put16(out_, group);
    if (group != 0) kept_ = out_;
  }

  int leading_zeros() const { return leading_zeros_; }
  uint16_t count() const { return static_cast<uint16_t>((kept_ - begin_) / 2); }
  char* end() const { return kept_; }

 private:
  char* begin_;
  char* out_;
  char* kept_;
  int leading_zeros_ = 0;
};

char* PutHeader(char* out, uint16_t count, int weight, uint16_t sign, uint16_t scale) {
  out = Put16(out, count);
  out = Put16(out, static_cast<uint16_t>(weight));
  out = Put16(out, sign);
  return Put16(out, scale);
}

}  // namespace

char* EncodeNumeric(char* out, std::string_view text) {
  if (text == "NaN") return PutHeader(out, 0, 0, kNaN, 0);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);

  char* const header = out;
  GroupWriter groups(out + 8);
  const size_t whole_groups = (whole.size() + kGroup - 1) / kGroup;
  auto begin = static_cast<ptrdiff_t>(whole.size()) - static_cast<ptrdiff_t>(whole_groups * kGroup);
  for (size_t i = 0; i < whole_groups; ++i, begin += kGroup) groups.Put(GroupAt(whole, begin));
  for (size_t i = 0; i < fraction.size(); i += kGroup) {
    groups.Put(GroupAt(fraction, static_cast<ptrdiff_t>(i)));
  }
  const bool zero = groups.count() == 0;
  const int weight = zero ? 0 : static_cast<int>(whole_groups) - 1 - groups.leading_zeros();
  PutHeader(header, groups.count(), weight, negative && !zero ? kNegative : 0,
            static_cast<uint16_t>(fraction.size()));
  return groups.end();
}

}  // namespace batchsql::postgresql
