#pragma once

#include <string_view>

#include "batchsql/v1/ingest.pb.h"

namespace batchsql::cli {

// Reads a one-dimensional array as a CSV file writes it: PostgreSQL's form, {1,NULL,"a \"b\""}, or
// a JSON array of strings, numbers, true, false and null. Elements of PostgreSQL's form go as text,
// for the server to parse. False for anything else.
bool ParseArrayText(std::string_view text, v1::ListValue* list);

}  // namespace batchsql::cli
