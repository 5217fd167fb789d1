#pragma once

#include <string>

namespace batchsql {

// The HTTP library hands out no descriptors, so they are looked for among the process's own.

// Both ends of a TCP connection, as far as the HTTP library tells them.
struct ConnectionEnds {
  std::string remote_address;  // numeric
  int remote_port = 0;
  int local_port = 0;
};

// -1 when there is none. The caller sees to it that the descriptor is not closed meanwhile.
int FindConnection(const ConnectionEnds& ends);
int FindListener(int local_port);

}  // namespace batchsql
