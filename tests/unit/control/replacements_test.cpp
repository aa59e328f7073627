// Monitors that are started in place of others, with a starter that the test plays.
#include "cellmon/control/replacements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/run_until.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReplacementsTest : public testing::Test {
 protected:
  ReplacementsTest() {
    machine_.name = "replacements-" + std::to_string(::getpid());
    machine_.cells.resize(2);
    machine_.cells[0].name = "alpha";
    machine_.cells[1].name = "beta";
  }

  /// Asks for a monitor of beta, whose start is START.
  void replace(Replacements::Start start) {
    replacements_ = std::make_unique<Replacements>(
        loop_, machine_, std::move(start), [this](CellId cell) { failed_.push_back(cell); },
        [this](const std::string& kind, const std::string& detail) {
          told_.push_back(kind + ": " + detail);
        });
    replacements_->replace(kBeta, -1, true, {});
  }
  /// The monitor that is started says ANSWER, and no more.
  void replace_by_one_that_says(const std::string& answer) {
    replace([answer](const Replacements::Wanted&) {
      std::array<int, 2> pipe{};
      EXPECT_EQ(::pipe(pipe.data()), 0);
      const UniqueFd writer(pipe[1]);
      EXPECT_EQ(::write(writer.get(), answer.data(), answer.size()),
                static_cast<ssize_t>(answer.size()));
      return UniqueFd(pipe[0]);
    });
    test::run_until(loop_, [this] { return !told_.empty(); });
  }

  static constexpr CellId kBeta{1};
  boost::asio::io_context loop_;
  plan::Machine machine_;
  std::unique_ptr<Replacements> replacements_;
  std::vector<std::string> told_;
  std::vector<CellId> failed_;
};

TEST_F(ReplacementsTest, TellWhoTookOver) {
  replace_by_one_that_says(R"({"ready": true, "pid": 77})"
                           "\n");
  EXPECT_THAT(told_, ElementsAre(HasSubstr("replaced: beta")));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("process 77")));
  EXPECT_THAT(failed_, IsEmpty());
}

TEST_F(ReplacementsTest, FailAtOnceWhereNoneCanBeStarted) {
  replace({});
  replace([](const Replacements::Wanted&) -> UniqueFd { throw Error("no such program"); });
  EXPECT_THAT(told_, ElementsAre(HasSubstr("not-restarted: beta"), HasSubstr("no such program")));
  EXPECT_THAT(failed_, ElementsAre(kBeta, kBeta)) << "nobody waits for it to come";
}

TEST_F(ReplacementsTest, FailWhereItEndsOrSaysThatItCannot) {
  for (const char* answer : {"", "nonsense\n",
                             R"({"ready": false})"
                             "\n"}) {
    told_.clear();
    failed_.clear();
    replace_by_one_that_says(answer);
    EXPECT_THAT(told_, ElementsAre(HasSubstr("not-restarted: beta"))) << answer;
    EXPECT_THAT(failed_, ElementsAre(kBeta)) << answer;
  }
  told_.clear();
  replace_by_one_that_says(R"({"error": "the name is taken"})"
                           "\n");
  EXPECT_THAT(told_, ElementsAre(HasSubstr("the name is taken")));
}

}  // namespace
}  // namespace hive::control
