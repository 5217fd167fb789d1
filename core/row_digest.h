#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/row_block.h"
#include "core/table_schema.h"

namespace batchsql {

// A digest of a set of rows: the sum, modulo 2^128, of the rows' XXH3-128. Their order does not
// matter; a row that is there twice counts twice.
struct RowDigest {
  uint64_t high = 0;
  uint64_t low = 0;

  RowDigest& operator+=(const RowDigest& other);
  RowDigest& operator-=(const RowDigest& other);
  bool operator==(const RowDigest&) const = default;

  using Bytes = std::array<uint8_t, 16>;
  Bytes ToBytes() const;  // big-endian
  static RowDigest FromBytes(const Bytes& bytes);
};

// The columns of which the daemon knows what a row holds whatever the client sent, by name: those
// without a default, that are neither generated, nor JSON, nor arrays (docs/audit.md).
std::vector<uint16_t> DigestColumns(const TableSchema& schema);

// Digests rows of one table, out of blocks or as a database shows them. NULL and an absent cell
// weigh nothing, so that a column which was added later changes no row before it. Scratch memory is
// kept from row to row. One thread at a time; the schema must outlive it.
class RowDigester {
 public:
  explicit RowDigester(const TableSchema& schema);

  RowDigest OfRow(const RowBlock& block, uint32_t row);
  RowDigest OfBlock(const RowBlock& block);

  // Of a row that was read: one text for each of DigestColumns, null for NULL, in the forms that
  // client values may have (docs/audit.md). Text that the column does not take weighs as it is.
  RowDigest OfTexts(absl::Span<const std::string* const> cells);

 private:
  void Add(const Column& column, uint64_t fixed, std::string_view bytes);
  RowDigest Take();

  const TableSchema& schema_;
  const std::vector<uint16_t> columns_;
  std::string bytes_;    // of the row so far
  std::string scratch_;  // of one cell
};

}  // namespace batchsql
