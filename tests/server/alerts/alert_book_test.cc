#include "server/alerts/alert_book.h"

#include <catch2/catch.hpp>

#include "tests/server/alerts/alert_fixture.h"

namespace batchsql {
namespace {

// A book whose reader takes everything, or nothing.
class BookTest {
 protected:
  AlertBook::Changes Observe(int64_t second, std::vector<Problem> problems,
                             std::set<std::pair<std::string, std::string>> undecided = {}) {
    return book.Observe({std::move(problems), std::move(undecided)}, At(second));
  }
  std::vector<Said> Tell(int64_t second, bool taken = true) {
    std::vector<Said> said = Say(book.Due(At(second), 100));
    book.Told(taken, At(second));
    return said;
  }

  AlertBook book;
};

TEST_CASE_METHOD(BookTest, "Nothing is told where nothing is wrong") {
  Observe(0, {});
  CHECK(Tell(0).empty());
  CHECK(book.firing().empty());
}

TEST_CASE_METHOD(BookTest, "A firing alert is told at once and every minute, its end moved on") {
  CHECK(Observe(0, {Stopped()}).begun.size() == 1);
  CHECK(Tell(0) == std::vector<Said>{{"t", 0, 180}});
  CHECK(Observe(59, {Stopped()}).begun.empty());
  CHECK(Tell(59).empty());
  Observe(60, {Stopped()});
  CHECK(Tell(60) == std::vector<Said>{{"t", 0, 240}});
  CHECK(Tell(119).empty());
  CHECK(Tell(120) == std::vector<Said>{{"t", 0, 300}});
}

TEST_CASE_METHOD(BookTest, "An alert that is over is told so once, with when it ended") {
  Observe(0, {Stopped()});
  Tell(0);
  CHECK(Observe(10, {}).over == std::vector<AlertKey>{Key(AlertKind::kPipelineStopped)});
  CHECK(Tell(11) == std::vector<Said>{{"t", 0, 10}});
  CHECK(Observe(12, {}).over.empty());
  CHECK(Tell(100).empty());
  CHECK(book.firing().empty());
}

TEST_CASE_METHOD(BookTest, "What was not taken is told again, as it is by then") {
  Observe(0, {Stopped()});
  CHECK(Tell(0, false) == std::vector<Said>{{"t", 0, 180}});
  CHECK(Tell(5, false) == std::vector<Said>{{"t", 0, 185}});
  Observe(7, {});
  CHECK(Tell(8, false) == std::vector<Said>{{"t", 0, 7}});
  CHECK(Tell(500) == std::vector<Said>{{"t", 0, 7}});
  CHECK(Tell(501).empty());
}

TEST_CASE_METHOD(BookTest, "An alert that began and ended between two posts is told to nobody") {
  Observe(0, {Stopped()});
  Observe(1, {});
  CHECK(Tell(1).empty());
  CHECK(book.firing().empty());
}

TEST_CASE_METHOD(BookTest, "An alert that comes back before its end was taken fires anew") {
  Observe(0, {Stopped()});
  Tell(0);
  Observe(10, {});
  Tell(10, false);
  CHECK(Observe(12, {Stopped()}).begun.size() == 1);
  CHECK(Tell(12) == std::vector<Said>{{"t", 12, 192}});
}

TEST_CASE_METHOD(BookTest, "Alerts of other tables and kinds are apart") {
  Observe(0, {Stopped("a"), Damaged("a")});
  CHECK(Tell(0).size() == 2);
  Observe(1, {Damaged("a"), Stopped("b")});
  CHECK(Tell(1) == std::vector<Said>{{"a", 0, 1}, {"b", 1, 181}});
}

TEST_CASE_METHOD(BookTest, "A new reason is told with the next post, and is no new alert") {
  Observe(0, {Stopped()});
  Tell(0);
  Problem other = Stopped();
  other.reason = "another";
  CHECK(Observe(10, {other}).begun.empty());
  CHECK(Tell(10).empty());
  CHECK(book.Due(At(60), 100).at(0).problem.reason == "another");
}

TEST_CASE_METHOD(BookTest, "While a pipeline is undecided what fires goes on, but for damage") {
  Observe(0, {Stopped(), Damaged()});
  Tell(0);
  CHECK(Observe(1, {}, {{"db", "t"}}).over ==
        std::vector<AlertKey>{Key(AlertKind::kJournalDamaged)});
  CHECK(Observe(2, {}, {{"db", "other"}}).over ==
        std::vector<AlertKey>{Key(AlertKind::kPipelineStopped)});
}

TEST_CASE_METHOD(BookTest, "What an earlier process left firing is told to be over, or goes on") {
  book.Remember({Stopped("a"), At(-50).wall});
  book.Remember({Stopped("b"), At(-50).wall});
  CHECK(book.firing().size() == 2);
  const AlertBook::Changes changes = Observe(0, {Stopped("b")});
  CHECK(changes.begun.empty());
  CHECK(changes.over.size() == 1);
  CHECK(Tell(0) == std::vector<Said>{{"a", -50, 0}, {"b", -50, 180}});
  CHECK(book.firing().size() == 1);
}

TEST_CASE_METHOD(BookTest, "Due hands out no more than it is asked for, and all in the end") {
  Observe(0, {Stopped("a"), Stopped("b"), Stopped("c")});
  CHECK(book.Due(At(0), 2).size() == 2);
  book.Told(true, At(0));
  CHECK(Say(book.Due(At(0), 2)) == std::vector<Said>{{"c", 0, 180}});
  book.Told(true, At(0));
  CHECK(book.Due(At(0), 2).empty());
}

}  // namespace
}  // namespace batchsql
