#include "server/alerts/alert_desk.h"

#include <catch2/catch.hpp>

#include "tests/server/alerts/alert_fixture.h"

namespace batchsql {
namespace {

// A desk that looks at `findings` and posts to a transport that answers with `answer`.
class DeskTest {
 protected:
  using Posts = std::vector<std::vector<Said>>;

  // The posts of one look.
  Posts Look(int64_t second) {
    posts.clear();
    desk.Look(At(second));
    return posts;
  }

  Findings findings;
  absl::Status answer;
  Posts posts;
  std::vector<size_t> remembered;  // how many, each time
  AlertDesk desk{
      {[this] { return findings; },
       [this](const std::vector<Alert>& alerts) {
         posts.push_back(Say(alerts));
         return answer;
       },
       [this](const std::vector<Firing>& firing) { remembered.push_back(firing.size()); }},
      {}};
};

TEST_CASE_METHOD(DeskTest, "An alert is remembered, posted, and forgotten when its end was taken") {
  CHECK(Look(0).empty());
  CHECK(remembered.empty());
  findings.problems = {Stopped()};
  CHECK(Look(2) == Posts{{{"t", 2, 182}}});
  CHECK(Look(4).empty());
  CHECK(remembered == std::vector<size_t>{1});
  findings.problems.clear();
  CHECK(Look(6) == Posts{{{"t", 2, 6}}});
  CHECK(remembered == std::vector<size_t>{1, 0});
}

TEST_CASE_METHOD(DeskTest, "Where nobody listens it tries again later, with the latest") {
  findings.problems = {Stopped("a")};
  answer = absl::UnavailableError("away");
  CHECK(Look(0).size() == 1);
  findings.problems = {Stopped("b")};
  CHECK(Look(2).empty());
  CHECK(Look(9).empty());
  answer = absl::OkStatus();
  CHECK(Look(10) == Posts{{{"a", 0, 2}, {"b", 2, 190}}});
  CHECK(Look(12).empty());
}

TEST_CASE_METHOD(DeskTest, "An end that nobody took stays remembered") {
  findings.problems = {Stopped()};
  Look(0);
  findings.problems.clear();
  answer = absl::UnavailableError("away");
  Look(2);
  CHECK(remembered == std::vector<size_t>{1});
  answer = absl::OkStatus();
  Look(12);
  CHECK(remembered == std::vector<size_t>{1, 0});
}

TEST_CASE_METHOD(DeskTest, "Many alerts are posted in parts, and a refused part ends the round") {
  for (size_t i = 0; i < 250; ++i) findings.problems.push_back(Stopped(std::to_string(i)));
  answer = absl::UnavailableError("away");
  CHECK(Look(0).size() == 1);
  answer = absl::OkStatus();
  const Posts taken = Look(10);
  REQUIRE(taken.size() == 3);
  CHECK(taken[0].size() == 100);
  CHECK(taken[2].size() == 50);
  CHECK(Look(12).empty());
}

}  // namespace
}  // namespace batchsql
