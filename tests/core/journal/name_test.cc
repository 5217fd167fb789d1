#include <catch2/catch.hpp>

#include "core/journal/journal_name.h"

namespace batchsql {
namespace {

TEST_CASE("A journal's folder is named by its table, and the name is read back") {
  CHECK(JournalDirectoryName({"main", {"", "events"}}) == "main.events");
  CHECK(JournalDirectoryName({"main", {"shop", "events-1"}}) == "main.shop.events-1");
  CHECK(JournalDirectoryName({"a b", {"", "../x"}}) == "a%20b.%2e%2e%2fx");
  for (const JournalOwner& owner :
       {JournalOwner{"main", {"", "events"}}, JournalOwner{"a.b", {"s.c", "größe %"}},
        JournalOwner{"%41", {"", std::string("\x01\xff/", 3)}}}) {
    const std::string name = JournalDirectoryName(owner);
    INFO(name);
    CHECK(name.find('/') == std::string::npos);
    const std::optional<JournalOwner> read = ParseJournalDirectoryName(name);
    REQUIRE(read.has_value());
    CHECK(read->target == owner.target);
    CHECK(read->table == owner.table);
  }
}

TEST_CASE("A folder of another name is nobody's journal") {
  for (const char* name : {"", "main", "main.", ".events", "a.b.c.d", "main.a b", "main.%4",
                           "main.%", "main.%4g", "main.%g4", "lost+found", "main.größe"}) {
    INFO(name);
    CHECK_FALSE(ParseJournalDirectoryName(name).has_value());
  }
}

}  // namespace
}  // namespace batchsql
