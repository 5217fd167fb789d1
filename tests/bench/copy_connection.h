#pragma once

#include <libpq-fe.h>

#include <string>

namespace batchsql::bench {

// A transaction by itself.
inline constexpr char kCopyRows[] = "COPY events FROM STDIN (FORMAT binary)";

// A connection to PostgreSQL for programs that the daemon is compared with. Ends the program, with
// a message, where anything fails. Used by one thread.
class CopyConnection {
 public:
  explicit CopyConnection(const std::string& dsn);
  ~CopyConnection();
  CopyConnection(const CopyConnection&) = delete;
  CopyConnection& operator=(const CopyConnection&) = delete;

  void Run(const char* sql);
  // `sql` is or ends with COPY … FROM STDIN; `stream` is what AppendBinaryCopy made.
  void Copy(const char* sql, const std::string& stream);

 private:
  void Execute(const char* sql, ExecStatusType expected);
  void Check(bool good);

  PGconn* const connection_;
};

}  // namespace batchsql::bench
