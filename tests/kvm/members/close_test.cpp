// A home fails: the others find all-ones in its place, and can write nothing there, until it is
// back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/hive_run.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRead = 7;     ///< The page of alpha that beta copies into its own.
constexpr std::uint64_t kWritten = 8;  ///< The one that it may write, and does.
constexpr std::uint64_t kGo = 600;     ///< Beta's page whose first word says up to which turn.
constexpr std::uint64_t kDone = 601;   ///< And where it says how far it is.
constexpr std::uint64_t kLast = 1000;  ///< One of the last.
constexpr std::uint32_t kWord = 0x1122'3344;

/// Where a guest of 64 MiB has PAGE of HOME, of which there are two: in the window and in the BAR.
std::uint64_t window(unsigned home, std::uint64_t page) {
  return memory::layout::upper_ranges(64 * kMiB, 2 * Memory::kSize).global.start +
         home * Memory::kSize + page * kPageSize;
}
std::uint64_t bar(unsigned home, std::uint64_t page) {
  return memory::layout::upper_ranges(64 * kMiB, 2 * Memory::kSize).bars.start +
         home * Memory::kSize + page * kPageSize;
}

/// Homes alpha and beta. In turn n beta writes to alpha's page, and copies another one to its own
/// pages n, through the window, and 100 + n, through the BAR.
class Close : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<micro::Action> script{micro::map(window(0, 0)), micro::map(bar(0, 0))};
    for (std::uint64_t turn = 1; turn <= 3; ++turn) {
      for (const micro::Action& action :
           {micro::wait(4, window(1, kGo), turn),
            micro::store(4, window(0, kWritten), kWord + turn),
            micro::copy(window(1, turn), window(0, kRead), kPageSize),
            micro::copy(window(1, 100 + turn), bar(0, kRead), kPageSize),
            micro::store(4, window(1, kDone), turn)}) {
        script.push_back(action);
      }
    }
    script.push_back(micro::halt());
    machine_.add_cell("alpha", std::vector{micro::halt()}, false, "shared: 4MiB");
    machine_.add_cell("beta", script, false, "shared: 4MiB");
    machine_.add_cell("gamma", std::vector{micro::halt()});
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  [[nodiscard]] pid_t pid(const std::string& cell, const char* key) const {
    return machine_.status(cell)[key].get<int>();
  }
  void grant() const {
    const Output grant = machine_.hive(
        {"firewall", "grant", machine_.name() + "/alpha", "beta", std::to_string(kWritten)});
    ASSERT_EQ(grant.status, 0) << grant.err;
  }
  /// Until all have recovered, and alpha has dropped all of its pages, which are filled.
  void fail_alpha(const Memory& alpha) const {
    ::kill(pid("alpha", "vmm_pid"), SIGKILL);
    std::string story;
    EXPECT_TRUE(comes([&] {
      story = machine_.hive({"events", machine_.name()}).out;
      return story.find("recovered: epoch 2") != std::string::npos;
    })) << story;
    EXPECT_TRUE(comes([&] { return alpha.is_all(kRead, 0) && alpha.is_all(kLast, 0); }));
    EXPECT_THAT(story, HasSubstr("epoch 2, close: reads as all-ones here: alpha"));
  }
  static void take_turn(const Memory& beta, std::uint32_t turn) {
    beta.set_word(kGo, turn);
    EXPECT_TRUE(comes([&] { return beta.word(kDone) == turn; })) << turn;
  }
  [[nodiscard]] std::string memory() const {
    return machine_.hive({"memory", machine_.name()}).out;
  }

  TestMachine machine_;
};

TEST_F(Close, ShowsAllOnesAndStopsWritesUntilTheHomeIsBack) {
  const Memory alpha(pid("alpha", "monitor_pid"), "alpha");
  const Memory beta(pid("beta", "monitor_pid"), "beta");
  ASSERT_TRUE(alpha.is_there() && beta.is_there());
  alpha.fill();
  ASSERT_NO_FATAL_FAILURE(grant());
  take_turn(beta, 1);
  EXPECT_TRUE(beta.is_all(1, Memory::byte_of(kRead)));
  EXPECT_TRUE(beta.is_all(101, Memory::byte_of(kRead)));
  EXPECT_EQ(alpha.word(kWritten), kWord + 1);

  fail_alpha(alpha);
  alpha.fill();
  take_turn(beta, 2);
  EXPECT_TRUE(beta.is_all(2, 0xff));
  EXPECT_TRUE(beta.is_all(102, 0xff));
  EXPECT_TRUE(alpha.is_all(kWritten, Memory::byte_of(kWritten)));
  EXPECT_EQ(machine_.status("beta")["state"], "running");
  EXPECT_THAT(memory(),
              HasSubstr("alpha reads as all-ones, writes to failed cells' memory stopped: 1"));

  const Output reboot = machine_.hive({"reboot", machine_.name() + "/alpha"});
  EXPECT_EQ(reboot.status, 0) << reboot.err;
  machine_.await("alpha", "running");
  EXPECT_TRUE(comes([&] { return machine_.status("beta")["view"]["epoch"] == 3; }));
  EXPECT_TRUE(comes([&] { return memory().find("all-ones") == std::string::npos; }));
  alpha.fill();
  ASSERT_NO_FATAL_FAILURE(grant());
  take_turn(beta, 3);
  EXPECT_TRUE(beta.is_all(3, Memory::byte_of(kRead)));
  EXPECT_TRUE(beta.is_all(103, Memory::byte_of(kRead)));
  EXPECT_EQ(alpha.word(kWritten), kWord + 3);
  EXPECT_EQ(machine_.status("beta")["incarnation"], 1);
}

TEST_F(Close, IsInForceFromTheStartForACellThatIsStartedMeanwhile) {
  const Memory alpha(pid("alpha", "monitor_pid"), "alpha");
  const Memory beta(pid("beta", "monitor_pid"), "beta");
  ASSERT_TRUE(alpha.is_there() && beta.is_there());
  alpha.fill();
  fail_alpha(alpha);
  alpha.fill();
  EXPECT_EQ(machine_.hive({"reboot", machine_.name() + "/beta", "--force"}).status, 0);
  EXPECT_TRUE(comes([&] { return machine_.status("beta")["incarnation"] == 2; }));
  machine_.await("beta", "running");
  EXPECT_THAT(memory(), HasSubstr("alpha reads as all-ones"));
  take_turn(beta, 1);
  EXPECT_TRUE(beta.is_all(1, 0xff));
  EXPECT_TRUE(alpha.is_all(kWritten, Memory::byte_of(kWritten)));
}

}  // namespace
}  // namespace hive::test
