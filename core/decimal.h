#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/rejection.h"

namespace batchsql {

// Reads a decimal number, `[+-]digits[.digits][e[+-]digits]`, and writes its canonical form: no
// exponent, no leading or trailing zeros, no "-0". kWrongType when it is no number; kOutOfRange
// when it has more digits before the point than `precision` − `scale`; kInexact when it has more
// after the point than `scale`. `precision` 0: no limit but 131072 digits before and 16383 after
// the point, PostgreSQL's own.
RejectReason CanonicalDecimal(std::string_view text, uint32_t precision, uint32_t scale,
                              std::string* canonical);

}  // namespace batchsql
