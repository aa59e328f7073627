// A cell fails that wrote to another one's memory: what it wrote is discarded, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/hive_run.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kShared = Memory::kSize;
constexpr std::uint64_t kGo = 600;     ///< The page whose first word lets beta begin.
constexpr std::uint64_t kFirst = 700;  ///< Of the sixteen pages that beta may write.
constexpr std::uint64_t kWord = 0x1122'3344;

/// Where a guest of 64 MiB has PAGE of alpha, the first of the two homes.
std::uint64_t window(std::uint64_t page) {
  return memory::layout::upper_ranges(64 * kMiB, 2 * kShared).bars.start + page * kPageSize;
}

/// Homes alpha and gamma, and beta, which writes to every second one of the pages of alpha that it
/// may write.
class Discard : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<micro::Action> script{micro::map(window(0)), micro::wait(4, window(kGo), 1)};
    for (std::uint64_t page = kFirst; page < kFirst + 16; page += 2) {
      written_.push_back(page);
      script.push_back(micro::store(4, window(page), kWord));
    }
    script.push_back(micro::halt());
    machine_.add_cell("alpha", std::vector{micro::halt()}, false, "shared: 4MiB");
    machine_.add_cell("beta", script);
    machine_.add_cell("gamma", std::vector{micro::halt()}, false, "shared: 4MiB");
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  [[nodiscard]] pid_t pid(const std::string& cell, const char* key) const {
    return machine_.status(cell)[key].get<int>();
  }

  TestMachine machine_;
  std::vector<std::uint64_t> written_;
};

TEST_F(Discard, TakesWhatAFailedCellHasWrittenAndKeepsEveryOtherByte) {
  const Memory alpha(pid("alpha", "monitor_pid"), "alpha");
  const Memory gamma(pid("gamma", "monitor_pid"), "gamma");
  ASSERT_TRUE(alpha.is_there() && gamma.is_there());
  alpha.fill();
  gamma.fill();
  const std::string home = machine_.name() + "/alpha";
  const Output grant = machine_.hive({"firewall", "grant", home, "beta", "700-715"});
  ASSERT_EQ(grant.status, 0) << grant.err;
  const std::uint32_t go = 1;
  std::memcpy(alpha.page(kGo), &go, sizeof go);
  ASSERT_TRUE(comes([&] { return alpha.word(written_.back()) == kWord; }));

  std::vector<unsigned char> kept = alpha.copy();
  for (const std::uint64_t page : written_) {
    EXPECT_EQ(alpha.word(page), kWord);
    std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(page * kPageSize), kPageSize, 0);
  }
  const std::vector<unsigned char> others = gamma.copy();
  ::kill(pid("beta", "vmm_pid"), SIGKILL);
  std::string story;
  EXPECT_TRUE(comes([&] {
    story = machine_.hive({"events", machine_.name()}).out;
    return story.find("recovered: epoch 2") != std::string::npos;
  }));
  EXPECT_THAT(story, HasSubstr("revoke: 8 pages are to be discarded"));
  EXPECT_TRUE(alpha.copy() == kept);
  EXPECT_TRUE(gamma.copy() == others);
  EXPECT_EQ(machine_.await("alpha", "running")["incarnation"], 1);
}

TEST_F(Discard, KeepsWhatACellHasWrittenThatWasStartedAnew) {
  const Memory alpha(pid("alpha", "monitor_pid"), "alpha");
  ASSERT_TRUE(alpha.is_there());
  alpha.fill();
  const std::string home = machine_.name() + "/alpha";
  ASSERT_EQ(machine_.hive({"firewall", "grant", home, "beta", "700-715"}).status, 0);
  const std::uint32_t go = 1;
  std::memcpy(alpha.page(kGo), &go, sizeof go);
  ASSERT_TRUE(comes([&] { return alpha.word(written_.back()) == kWord; }));
  const std::uint32_t stay = 0;
  std::memcpy(alpha.page(kGo), &stay, sizeof stay);
  const std::vector<unsigned char> kept = alpha.copy();
  EXPECT_EQ(machine_.hive({"reboot", machine_.name() + "/beta", "--force"}).status, 0);
  ASSERT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  ::kill(pid("beta", "vmm_pid"), SIGKILL);
  std::string story;
  EXPECT_TRUE(comes([&] {
    story = machine_.hive({"events", machine_.name()}).out;
    return story.find("recovered: epoch 2") != std::string::npos;
  }));
  EXPECT_THAT(story, HasSubstr("revoke: 0 pages are to be discarded"));
  EXPECT_TRUE(alpha.copy() == kept);
}

}  // namespace
}  // namespace hive::test
