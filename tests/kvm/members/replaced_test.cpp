// Monitors that are killed or hang: the others start new ones in their place, and their cells come
// back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/machine_test.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t kWord = 0x1122'3344;
constexpr std::uint64_t kGo = 600;     ///< The page of alpha whose first word lets beta write.
constexpr std::uint64_t kGoOn = 601;   ///< The same for alpha.
constexpr std::uint64_t kPage = 700;   ///< That beta writes in alpha, and alpha in beta.
constexpr std::uint64_t kLater = 702;  ///< That alpha writes in beta the second time.

class Replaced : public MachineTest {
 protected:
  void start(const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, "on_failure: reboot");
    }
    bring_up();
  }

  [[nodiscard]] pid_t pid(const std::string& cell, const char* key) const {
    const nlohmann::json status = machine_.status(cell);
    return status.is_object() && status.contains(key) ? status[key].get<int>() : -1;
  }

  /// "NAME INCARNATION" of the members that CELL knows.
  [[nodiscard]] std::vector<std::string> members(const std::string& cell) const {
    return members_of(machine_.status(cell));
  }

  /// Waits until each of CELLS runs and knows that all WANTED are members.
  void expect_all(const std::vector<std::string>& cells, const std::vector<std::string>& wanted) {
    for (const std::string& cell : cells) {
      EXPECT_TRUE(comes([&] { return members(cell) == wanted; }))
          << cell << ": " << testing::PrintToString(members(cell)) << "\n"
          << story();
      machine_.await(cell, "running");
    }
  }

  /// Whether calls by vsock go from CELL to PEER.
  [[nodiscard]] bool is_up(const std::string& cell, const std::string& peer) const {
    const auto json = nlohmann::json::parse(machine_.hive({"rpc", machine_.name(), "--json"}).out);
    for (const auto& each : json["machines"][0]["cells"]) {
      if (each["cell"] != cell || !each.contains("peers")) continue;
      for (const auto& other : each["peers"]) {
        if (other["cell"] == peer) return other["up"];
      }
    }
    return false;
  }

  void expect_clean_end() {
    const Output down = machine_.hive({"down", machine_.name(), "--force"});
    EXPECT_EQ(down.status, 0) << down.err;
    EXPECT_THAT(machine_.sockets(), IsEmpty());
    EXPECT_TRUE(comes([&] { return machine_.processes().empty(); }));
    EXPECT_THAT(machine_.files(), IsEmpty());
  }
};

/// Homes alpha, beta and gamma. Beta writes to alpha when it is told to, in each of its
/// incarnations; alpha writes to beta, and, when it is told to once more, once more.
class ReplacedHome : public Replaced, public testing::WithParamInterface<int> {
 protected:
  static std::uint64_t window(unsigned home, std::uint64_t page) {
    const auto ranges = memory::layout::upper_ranges(64 * kMiB, 3 * Memory::kSize);
    return ranges.bars.start + home * Memory::kSize + page * kPageSize;
  }

  void SetUp() override {
    const std::string keys = "shared: 4MiB, on_failure: reboot";
    machine_.add_cell(
        "alpha",
        {micro::map(window(0, 0)), micro::wait(4, window(0, kGoOn), 1),
         micro::store(4, window(1, kPage), kWord), micro::wait(4, window(0, kGoOn), 2),
         micro::store(4, window(1, kLater), kWord), micro::halt()},
        false, keys);
    machine_.add_cell("beta",
                      {micro::map(window(0, 0)), micro::wait(4, window(0, kGo), 1),
                       micro::store(4, window(0, kPage), kWord), micro::halt()},
                      false, keys);
    machine_.add_cell("gamma", std::vector{micro::halt()}, false, keys);
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  void grant(const std::string& home, const std::string& cell) {
    const Output grant =
        machine_.hive({"firewall", "grant", machine_.name() + "/" + home, cell, "700-703"});
    ASSERT_EQ(grant.status, 0) << grant.err;
  }
};

INSTANTIATE_TEST_SUITE_P(By, ReplacedHome, testing::Values(SIGKILL, SIGSTOP),
                         [](const auto& way) { return way.param == SIGKILL ? "kill" : "stop"; });

TEST_P(ReplacedHome, ComesBackWithItsMemoryWhileTheOthersKeepTheirs) {
  const Memory alpha(pid("alpha", "monitor_pid"), "alpha");
  const Memory beta(pid("beta", "monitor_pid"), "beta");
  const Memory gamma(pid("gamma", "monitor_pid"), "gamma");
  ASSERT_TRUE(alpha.is_there() && beta.is_there() && gamma.is_there());
  for (const Memory* memory : {&alpha, &beta, &gamma}) memory->fill();
  grant("alpha", "beta");
  grant("beta", "alpha");
  alpha.set_word(kGo, 1);
  alpha.set_word(kGoOn, 1);
  ASSERT_TRUE(comes([&] { return alpha.word(kPage) == kWord && beta.word(kPage) == kWord; }));
  alpha.set_word(kGo, 0);

  std::vector<unsigned char> kept = alpha.copy();
  std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(kPage * kPageSize), kPageSize, 0);
  const std::vector<unsigned char> others = gamma.copy();
  const pid_t monitor = pid("beta", "monitor_pid");
  const pid_t vmm = pid("beta", "vmm_pid");
  const pid_t survivor = pid("alpha", "vmm_pid");
  ::kill(monitor, GetParam());
  expect_all({"alpha", "beta", "gamma"}, {"alpha 1", "beta 2", "gamma 1"});
  EXPECT_FALSE(is_alive(monitor) || is_alive(vmm));
  EXPECT_TRUE(alpha.copy() == kept);
  EXPECT_TRUE(gamma.copy() == others);
  EXPECT_TRUE(beta.copy() == std::vector<unsigned char>(Memory::kCopied)) << "its content is over";
  EXPECT_EQ(pid("alpha", "vmm_pid"), survivor);
  const Memory successor(pid("beta", "monitor_pid"), "beta");
  EXPECT_EQ(successor.inode(), beta.inode());
  EXPECT_THAT(story(), AllOf(HasSubstr("alert: about beta"), HasSubstr("beta left"),
                             HasSubstr("recovered: epoch 2"), HasSubstr("replaced: beta: "),
                             HasSubstr("beta joined")));

  grant("alpha", "beta");
  alpha.set_word(kGo, 1);
  EXPECT_TRUE(comes([&] { return alpha.word(kPage) == kWord; })) << "beta cannot write again";
  grant("beta", "alpha");
  alpha.set_word(kGoOn, 2);
  EXPECT_TRUE(comes([&] { return beta.word(kLater) == kWord; })) << "alpha cannot write to beta";
  EXPECT_EQ(beta.word(kPage), 0U) << "what it had before was open";
  EXPECT_TRUE(comes([&] { return is_up("alpha", "beta") && is_up("beta", "alpha"); }));
  expect_clean_end();
}

TEST_F(Replaced, AreCoordinatorsToo) {
  start({"alpha", "beta", "gamma"});
  ::kill(pid("alpha", "monitor_pid"), SIGKILL);
  expect_all({"alpha", "beta", "gamma"}, {"alpha 2", "beta 1", "gamma 1"});
  EXPECT_THAT(story(), HasSubstr("replaced: alpha: "));
  // The new one coordinates, and brings others back.
  ::kill(pid("beta", "monitor_pid"), SIGKILL);
  expect_all({"alpha", "beta", "gamma"}, {"alpha 2", "beta 2", "gamma 1"});
  EXPECT_TRUE(comes([&] { return is_up("alpha", "beta") && is_up("beta", "gamma"); }));
  expect_clean_end();
}

TEST_F(Replaced, AreTwoAtOnce) {
  start({"alpha", "beta", "gamma", "delta"});
  const pid_t beta = pid("beta", "monitor_pid");
  const pid_t gamma = pid("gamma", "monitor_pid");
  ::kill(beta, SIGKILL);
  ::kill(gamma, SIGKILL);
  expect_all({"alpha", "beta", "gamma", "delta"}, {"alpha 1", "beta 2", "gamma 2", "delta 1"});
  EXPECT_TRUE(comes([&] { return is_up("beta", "gamma") && is_up("alpha", "gamma"); }));
  expect_clean_end();
}

}  // namespace
}  // namespace hive::test
