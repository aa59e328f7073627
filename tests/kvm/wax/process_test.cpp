// Wax in a VMM of its own, behind its sandbox, as monitors start it.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "policy/hint_words.h"
#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/wax_cell.h"
#include "tests/support/state_pages.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

/// hive-vmm with CONFIG, whose descriptors it inherits; killed with this object.
class Vmm {
 public:
  explicit Vmm(const cell::CellConfig& config) : config_(bytes_of(to_json(config))) {
    std::string program = HIVE_VMM_PROGRAM;
    std::string option = "--config";
    std::string path = config_.path();
    std::array<char*, 4> arguments{program.data(), option.data(), path.data(), nullptr};
    EXPECT_EQ(
        ::posix_spawn(&process_, program.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  }
  Vmm(const Vmm&) = delete;
  Vmm& operator=(const Vmm&) = delete;
  ~Vmm() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

 private:
  static std::vector<std::byte> bytes_of(const std::string& text) {
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
  }

  TempFile config_;
  pid_t process_ = 0;
};

/// Publishes, each millisecond, a cell that has no memory left and one that has.
class Publisher {
 public:
  explicit Publisher(StatePages& pages)
      : thread_([&pages](const std::stop_token& over) {
          while (!over.stop_requested()) {
            const std::uint64_t now = host_time();
            pages.publish(0, state_page(0, now, now, 2));
            pages.publish(1, state_page(1, now, now, 90));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}

 private:
  std::jthread thread_;
};

class WaxProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Starts Wax in rounds as short as can be.
  void start() {
    cell::CellConfig config;
    config.name = "wax";
    config.incarnation = WaxCell::kIncarnation;
    config.memory = 4 * kMiB;
    config.kernel = HIVE_WAX_ELF;
    config.cmdline = "policy=memory";
    config.policy = pages_.config(HIVE_WAX_MIN_ROUND, monitor_.socket());
    links_.emplace_back(config.policy->link);
    config.policy->link = ::dup(config.policy->link);  // Which stays open when a program starts.
    links_.emplace_back(config.policy->link);
    for (const int page : config.policy->pages) links_.emplace_back(page);
    std::array<int, 2> serial{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, serial.data()), 0);
    for (const int end : serial) links_.emplace_back(end);
    config.serial_fd = serial[1];
    vmm_.emplace(config);
  }

  std::optional<WaxRound> next_round() {
    const std::uint64_t end = host_time() + 30 * kSecond;
    for (;;) {
      if (auto round = monitor_.take()) return round;
      if (host_time() > end) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  StatePages pages_{2};
  WaxMonitor monitor_;
  std::vector<UniqueFd> links_;  ///< This process's, of what VMMs inherit.
  std::optional<Vmm> vmm_;
};

/// The times are for people: they are what the host's load makes them.
TEST_F(WaxProcess, GivesAHintOnceItHasSeenTwoFigures) {
  const Publisher publisher(pages_);
  const std::uint64_t begin = host_time();
  start();
  auto round = next_round();
  const std::uint64_t looked = host_time();
  while (round && round->hints.empty()) round = next_round();
  const std::uint64_t advised = host_time();
  ASSERT_TRUE(round);
  policy::Hint hint;
  ASSERT_TRUE(policy::read_hint(round->hints.front(), hint));
  EXPECT_EQ(hint.kind, policy::HintKind::kLend);
  EXPECT_EQ(hint.cell, 1U);
  EXPECT_EQ(hint.peer, 0U);
  EXPECT_EQ(round->hints.front().incarnation, WaxCell::kIncarnation);
  RecordProperty("first_round_us", std::to_string((looked - begin) / 1000));
  RecordProperty("first_hint_us", std::to_string((advised - begin) / 1000));
}

TEST_F(WaxProcess, StartsAnewFromNothingWhenItIsKilled) {
  const Publisher publisher(pages_);
  for (int incarnation = 0; incarnation < 5; ++incarnation) {
    start();
    auto round = next_round();
    ASSERT_TRUE(round) << incarnation;
    EXPECT_EQ(round->number, 1U);
    while (round && round->hints.empty()) round = next_round();
    EXPECT_TRUE(round) << incarnation;
    vmm_.reset();
    monitor_ = {};
  }
}

}  // namespace
}  // namespace hive::test
