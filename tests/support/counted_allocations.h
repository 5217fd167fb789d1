#pragma once

#include <cstdint>

namespace batchsql {

// How often this thread has asked operator new for memory. A program that calls it gets operators
// that count, in all of its code.
uint64_t AllocationsOfThread();

}  // namespace batchsql
