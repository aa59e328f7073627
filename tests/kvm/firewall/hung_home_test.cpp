// vCPUs that wait for the word of a home whose monitor hangs.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_global.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using cell::ReportKind;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};
constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kStored = 0x1234;

/// Beta's vCPU waits in a store to a page of alpha's, whose monitor hangs.
class HungHome : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    const std::uint64_t target = GlobalCells::address(0, kPage, kContribution);
    cells_.emplace(
        std::vector<std::vector<std::vector<micro::Action>>>{
            {{micro::end()}},
            {{micro::map(target), micro::store(8, target, kStored), micro::rdtsc()}}},
        kContribution);
  }

  /// Starts the cells, and returns once the vCPU waits.
  void start() {
    home().hang(true);
    cells_->start();
    ASSERT_TRUE(beta().run_until([this] { return beta().performed(0) == 1; }));
    run_for(milliseconds(50));
    ASSERT_EQ(beta().performed(0), 1U) << "it does not wait";
  }

  void TearDown() override {
    if (cells_) home().hang(false);
  }

  void run_for(milliseconds time) {
    const auto until = Clock::now() + time;
    (void)beta().run_until([&] { return Clock::now() > until; });
  }

  void pause() {
    beta().cell().pause();
    ASSERT_TRUE(beta().run_until([this] {
      return beta().find(ReportKind::kPaused) || beta().find(ReportKind::kNotPaused);
    }));
    ASSERT_TRUE(beta().find(ReportKind::kPaused));
  }

  MicroCell& beta() { return cells_->cell(1); }
  Home& home() { return cells_->home(0); }
  std::uint64_t word() {
    std::uint64_t value = 0;
    std::memcpy(&value, home().content() + kPage, sizeof value);
    return value;
  }

  std::optional<GlobalCells> cells_;
};

TEST_F(HungHome, DoesNotKeepACellFromBeingPaused) {
  home().grant(kBeta, {1, 1});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(pause());
  home().hang(false);
  run_for(milliseconds(50));
  EXPECT_EQ(word(), 0U) << "a paused cell writes";
  beta().cell().resume();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(beta().result(0, 1).status, HIVE_MICRO_OK);
  EXPECT_EQ(word(), kStored);
  EXPECT_TRUE(home().violations().empty());
}

TEST_F(HungHome, FindsTheWriteStillForbiddenAfterThePause) {
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(pause());
  home().hang(false);
  run_for(milliseconds(50));
  EXPECT_TRUE(home().violations().empty()) << "a paused cell writes";
  beta().cell().resume();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(beta().result(0, 1).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(word(), 0U);
  EXPECT_EQ(home().await_violations(1).size(), 1U);
}

TEST_F(HungHome, WaitsForNoPausedCellToGrantAPage) {
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(pause());
  home().hang(false);
  run_for(milliseconds(50));
  home().grant(kBeta, {1, 1});
  run_for(milliseconds(50));
  beta().cell().resume();
  ASSERT_TRUE(beta().run_until_done());
  EXPECT_EQ(beta().result(0, 1).status, HIVE_MICRO_OK);
  EXPECT_EQ(word(), kStored);
}

TEST_F(HungHome, DoesNotHoldUpTheLoopWhileABarMoves) {
  // CPU 1 waits in its store; CPU 0 asks the loop for something, and moves a BAR: KVM ends that
  // only when no vCPU is in the midst of an access to memory.
  constexpr MicroGlobal kDevice{2 * kContribution};
  const std::uint64_t target = GlobalCells::address(0, kPage, kContribution);
  const std::uint64_t moved = kDevice.bar2() + kDevice.bar2_size();
  constexpr std::uint64_t kGo = HIVE_MICRO_FREE;
  std::vector<micro::Action> mover = kDevice.map();
  for (const micro::Action& action :
       {micro::start_cpu(1), micro::wait(8, kGo, 1), kDevice.submit(), kDevice.move(moved)}) {
    mover.push_back(action);
  }
  cells_.reset();
  cells_.emplace(
      std::vector<std::vector<std::vector<micro::Action>>>{
          {{micro::end()}}, {mover, {micro::map(target), micro::store(8, target, kStored)}}},
      kContribution);
  home().hang(true);
  cells_->start();
  ASSERT_TRUE(beta().run_until([this] { return beta().performed(1) == 1; }));
  run_for(milliseconds(50));
  ASSERT_TRUE(beta().cell().memory().store<std::uint64_t>({kGo}, 1));
  ::usleep(300'000);  // The request reaches the loop's queue, and the BAR begins to move.
  std::atomic<bool> paused{false};
  std::thread rescuer([&] {
    for (int turn = 0; turn < 2000 && !paused; ++turn) ::usleep(10'000);
    home().hang(false);
  });
  const auto start = Clock::now();
  run_for(milliseconds(10));
  pause();
  EXPECT_LT(Clock::now() - start, milliseconds(10'000));
  paused = true;
  rescuer.join();
  beta().cell().resume();
  EXPECT_TRUE(beta().run_until_done(0));
  EXPECT_TRUE(beta().run_until_done(1));
}

TEST_F(HungHome, DoesNotKeepACellFromEnding) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto start = Clock::now();
  EXPECT_TRUE(beta().cell().shut_down(milliseconds(20'000)));
  EXPECT_LT(Clock::now() - start, milliseconds(10'000));
  EXPECT_EQ(word(), 0U);
}

}  // namespace
}  // namespace hive::test
