#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace batchsql {

// Appends numbers and strings in the fixed little-endian form of the journal's files: strings with
// their length as uint32 before them.
class ByteWriter {
 public:
  explicit ByteWriter(std::string* bytes) : bytes_(bytes) {}

  void U8(uint8_t value) { Raw(&value, sizeof(value)); }
  void U32(uint32_t value) { Raw(&value, sizeof(value)); }
  void U64(uint64_t value) { Raw(&value, sizeof(value)); }
  void String(std::string_view value) {
    U32(static_cast<uint32_t>(value.size()));
    bytes_->append(value);
  }
  template <size_t N>
  void Bytes(const std::array<uint8_t, N>& value) {
    Raw(value.data(), N);
  }

 private:
  void Raw(const void* data, size_t size) { bytes_->append(static_cast<const char*>(data), size); }
  std::string* const bytes_;
};

// Reads what ByteWriter wrote. Past the end, or past a string's, it answers zeros and is no longer
// ok.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  uint8_t U8() { return Number<uint8_t>(); }
  uint32_t U32() { return Number<uint32_t>(); }
  uint64_t U64() { return Number<uint64_t>(); }
  std::string_view View() { return Take(U32()); }
  std::string String() { return std::string(View()); }
  template <size_t N>
  void Bytes(std::array<uint8_t, N>& value) {
    const std::string_view taken = Take(N);
    if (ok_) std::memcpy(value.data(), taken.data(), N);
  }

  bool ok() const { return ok_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view Take(size_t size) {
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  template <typename T>
  T Number() {
    T value{};
    const std::string_view taken = Take(sizeof(T));
    if (ok_) std::memcpy(&value, taken.data(), sizeof(T));
    return value;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace batchsql
