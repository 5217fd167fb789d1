#pragma once

#include <string>

#include "core/dead_letters/dead_letter.h"

namespace batchsql {

// The letter's row as one line of JSON, in the forms that rows are taken in over HTTP
// (docs/http.md) and so that tools that know numbers as doubles change nothing: integers beyond
// 2^53 and decimals are strings. docs/dead-letters.md tables the forms.
std::string LetterRowJson(const DeadLetter& letter);

}  // namespace batchsql
