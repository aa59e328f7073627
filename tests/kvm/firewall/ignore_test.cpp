// What a guest sees of writes that are dropped.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/smp_scripts.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using cell::OnViolation;
using cell::ReportKind;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};
constexpr std::byte kOld{0x5a};
constexpr std::uint64_t kOldWord = 0x5a5a5a5a5a5a5a5a;
constexpr std::uint64_t kTrapFlag = 0x100;

std::uint64_t at(unsigned home, std::uint64_t offset) {
  return GlobalCells::address(home, offset, kContribution);
}

std::uint64_t word(Home& home, std::uint64_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, home.content() + offset, sizeof value);
  return value;
}

bool holds(Home& home, std::uint64_t offset, std::uint64_t size, std::byte value) {
  const std::byte* start = home.content() + offset;
  return std::all_of(start, start + size, [&](std::byte each) { return each == value; });
}

class IgnoreOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Beta's vCPUs get SCRIPTS; home 0's memory is kOld all over.
  GlobalCells& make(const std::vector<std::vector<micro::Action>>& scripts) {
    cells_.emplace(std::vector<std::vector<std::vector<micro::Action>>>{{{micro::end()}}, scripts},
                   kContribution, OnViolation::kIgnore);
    std::memset(home().content(), static_cast<int>(kOld), kContribution);
    return *cells_;
  }
  GlobalCells& make(const std::vector<micro::Action>& actions) {
    return make(on_cpus(1, at(0, 0), actions));
  }

  void run() {
    cells_->start();
    ASSERT_TRUE(beta().run_until_done());
  }

  MicroCell& beta() { return cells_->cell(1); }
  Home& home() { return cells_->home(0); }
  hive_micro_result result(unsigned action) {
    return beta().result(0, first_action(0, 1) + action);
  }
  std::set<std::uint64_t> pages_violated(std::size_t violations) {
    std::set<std::uint64_t> pages;
    for (const auto& each : home().await_violations(violations)) pages.insert(each.page);
    return pages;
  }

  std::optional<GlobalCells> cells_;
};

TEST_F(IgnoreOnKvm, GoesOnAfterTheInstruction) {
  make({micro::store(8, at(0, 0x3008), 1), micro::load(8, at(0, 0x3008)),
        micro::store(8, at(1, 8), 2), micro::load(8, at(1, 8))});
  ASSERT_NO_FATAL_FAILURE(run());
  for (unsigned action = 0; action < 4; ++action) EXPECT_EQ(result(action).status, HIVE_MICRO_OK);
  EXPECT_EQ(result(1).value, kOldWord);
  EXPECT_EQ(result(3).value, 2U);
  EXPECT_TRUE(beta().run_until_report(ReportKind::kViolation));
  const auto violations = home().await_violations(1);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].cell, kBeta);
  EXPECT_EQ(violations[0].page, 3U);
  EXPECT_EQ(violations[0].vcpu, 0);
  EXPECT_NE(violations[0].rip, 0U);
}

TEST_F(IgnoreOnKvm, GivesLockedInstructionsTheOldValue) {
  make({micro::add(8, at(0, 0x3000), 1), micro::xchg(8, at(0, 0x3000), 2),
        micro::cmpxchg(8, at(0, 0x3000), kOldWord, 3), micro::cmpxchg(8, at(0, 0x3000), 4, 5),
        micro::add(8, at(0, 0x3ffc), 1), micro::load(8, at(0, 0x3000))});
  ASSERT_NO_FATAL_FAILURE(run());
  for (unsigned action = 0; action < 6; ++action) {
    EXPECT_EQ(result(action).status, HIVE_MICRO_OK) << action;
    EXPECT_EQ(result(action).value, kOldWord) << action;
  }
  EXPECT_TRUE(holds(home(), 0, kContribution, kOld));
}

TEST_F(IgnoreOnKvm, WritesThePartThatIsPermitted) {
  make({micro::store(8, at(0, 0x3ffc), 0), micro::store(8, at(0, 0x4ffc), 0),
        micro::copy(at(0, 0x3fc0), at(1, 0), 128)});
  home().grant(kBeta, {3, 1});
  home().grant(kBeta, {5, 1});
  std::memset(cells_->home(1).content(), 0x77, 128);
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_TRUE(holds(home(), 0x3fc0, 0x40, std::byte{0x77}));
  EXPECT_TRUE(holds(home(), 0x4000, 0x1000, kOld));
  EXPECT_EQ(word(home(), 0x5000), kOldWord & ~0xffffffffULL);
  EXPECT_EQ(home().written_by(kBeta), (firewall::PageRanges{{3, 1}, {5, 1}}));
  EXPECT_EQ(pages_violated(3), std::set<std::uint64_t>{4});
}

TEST_F(IgnoreOnKvm, WritesOnlyThePermittedPageOfALongString) {
  make({micro::fill(at(0, 0x3ff0), 0x11, 0x1020), micro::load(8, at(0, 0x4000))});
  home().grant(kBeta, {4, 1});
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_EQ(result(1).value, 0x1111111111111111U);
  EXPECT_TRUE(holds(home(), 0, 0x4000, kOld));
  EXPECT_TRUE(holds(home(), 0x4000, 0x1000, std::byte{0x11}));
  EXPECT_TRUE(holds(home(), 0x5000, kContribution - 0x5000, kOld));
  EXPECT_EQ(pages_violated(2), (std::set<std::uint64_t>{3, 5}));
}

TEST_F(IgnoreOnKvm, ReadsADeviceInTheSameInstruction) {
  // The vendor and device of the host bridge, by way of the configuration space.
  const std::uint64_t bridge = memory::layout::kEcam.start;
  make({micro::load(4, bridge), micro::copy(at(0, 0x3ffe), bridge, 4)});
  home().grant(kBeta, {4, 1});
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_EQ(result(1).status, HIVE_MICRO_OK);
  EXPECT_TRUE(holds(home(), 0x3000, 0x1000, kOld));
  EXPECT_EQ(word(home(), 0x4000) & 0xffff, result(0).value >> 16);
}

TEST_F(IgnoreOnKvm, LeavesTheGuestItsOwnTrapFlag) {
  make({micro::trapped_store(at(1, 0x3000), 1), micro::trapped_store(at(0, 0x3000), 1),
        micro::store(8, at(0, 0x3000), 1)});
  ASSERT_NO_FATAL_FAILURE(run());
  const auto usual = result(0);
  EXPECT_EQ(result(1).status, usual.status);
  EXPECT_EQ(result(1).vector, usual.vector);
  // A KVM that shows the store as one to a device lets the next instruction pass before the trap.
  EXPECT_LE(result(1).rip - usual.rip, 8U);
  EXPECT_EQ(result(1).value, usual.value);
  EXPECT_EQ(result(2).status, HIVE_MICRO_OK);
  EXPECT_TRUE(holds(home(), 0, kContribution, kOld));
}

TEST_F(IgnoreOnKvm, DeliversAPageFaultOfTheInstruction) {
  // Alpha's store crosses from the last page of beta's, which is the last of a GiB, into nothing.
  constexpr std::uint64_t kHalf = kGiB / 2;
  const std::uint64_t target = GlobalCells::address(1, kHalf - 4, kHalf);
  GlobalCells cells({{{micro::map(target), micro::store(8, target, 1),
                       micro::store(8, target - 4, 1), micro::rdtsc()}},
                     {{micro::end()}}},
                    kHalf, OnViolation::kIgnore);
  cells.start();
  ASSERT_TRUE(cells.cell(0).run_until_done());
  const auto result = cells.cell(0).result(0, 1);
  EXPECT_EQ(result.status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(result.vector, 14);
  EXPECT_EQ(result.extra, target + 4);
  EXPECT_EQ(result.value & kTrapFlag, 0U) << "the handler finds a flag that the guest did not set";
  EXPECT_EQ(cells.cell(0).result(0, 2).status, HIVE_MICRO_OK);
  EXPECT_EQ(cells.cell(0).result(0, 3).status, HIVE_MICRO_OK);
  EXPECT_TRUE(holds(cells.home(1), kHalf - kPageSize, kPageSize, std::byte{0}));
}

TEST_F(IgnoreOnKvm, StopsAllVcpusForEachOtherAndForPauses) {
  constexpr unsigned kCpus = 4, kTurns = 60;
  constexpr std::uint64_t kGranted = 0x10'000;
  std::vector<std::vector<micro::Action>> scripts;
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    scripts.push_back(
        on_cpu(cpu, kCpus, at(0, 0),
               {micro::loop(kTurns, 5), micro::add(8, at(0, 0x3000), 1),
                micro::store(8, at(0, 0x4000 + cpu * 0x1000), 1), micro::add(8, at(0, kGranted), 1),
                micro::store(8, at(0, 0x4ffc), cpu), micro::add(8, at(1, 0x3000), 1)}));
  }
  make(scripts);
  home().grant(kBeta, {kGranted / kPageSize, 1});
  cells_->start();
  for (unsigned pause = 0; pause < 10; ++pause) {
    const auto until = Clock::now() + milliseconds(20);
    (void)beta().run_until([&] { return Clock::now() > until; });
    beta().cell().pause();
    (void)beta().run_until_report(ReportKind::kPaused);
    ASSERT_FALSE(beta().find(ReportKind::kNotPaused)) << pause;
    beta().cell().resume();
  }
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) ASSERT_TRUE(beta().run_until_done(cpu)) << cpu;
  EXPECT_EQ(word(home(), kGranted), kOldWord + kCpus * kTurns);
  EXPECT_EQ(word(cells_->home(1), 0x3000), kCpus * kTurns);
  EXPECT_TRUE(holds(home(), 0, kGranted, kOld));
  EXPECT_GE(home().await_violations(std::size_t{3} * kCpus * kTurns).size(),
            std::size_t{3} * kCpus * kTurns);
  EXPECT_FALSE(beta().find(ReportKind::kFailed));
}

TEST_F(IgnoreOnKvm, EndsInTheMidstOfViolations) {
  make(on_cpus(4, at(0, 0),
               {micro::loop(1'000'000'000, 2), micro::add(8, at(0, 0x3000), 1),
                micro::fill(at(0, 0x4000), 1, 200)}));
  cells_->start();
  (void)beta().run_until([this] { return home().violations().size() > 20; });
  const auto start = Clock::now();
  EXPECT_TRUE(beta().cell().shut_down(milliseconds(20'000)));
  EXPECT_LT(Clock::now() - start, milliseconds(10'000));
  EXPECT_TRUE(holds(home(), 0, kContribution, kOld));
}

TEST_F(IgnoreOnKvm, IsNotHeldUpForLongByAHomeThatHangs) {
  // Gamma's first vCPU writes from a page of alpha's, who forbids it, into one of beta's, whose
  // monitor hangs. Its second one runs on.
  const std::uint64_t target = at(0, kContribution - 4);
  const auto gamma = std::vector<std::vector<micro::Action>>{
      on_cpu(0, 2, target, {micro::store(8, target, 0), micro::rdtsc()}),
      on_cpu(1, 2, target, {micro::loop(1'000'000'000, 1), micro::add(8, at(2, 0), 1)})};
  cells_.emplace(
      std::vector<std::vector<std::vector<micro::Action>>>{
          {{micro::end()}}, {{micro::end()}}, gamma},
      kContribution, OnViolation::kIgnore);
  std::memset(home().content(), static_cast<int>(kOld), kContribution);
  cells_->home(1).grant(CellId{2}, {0, 1});
  std::memset(cells_->home(1).content(), static_cast<int>(kOld), kPageSize);
  cells_->home(1).hang(true);
  MicroCell& cell = cells_->cell(2);
  cells_->start();
  const auto until = Clock::now() + milliseconds(300);
  (void)cell.run_until([&] { return Clock::now() > until; });
  const std::uint64_t before = word(cells_->home(2), 0);
  EXPECT_TRUE(cell.run_until([&] { return word(cells_->home(2), 0) > before + 1000; }));
  EXPECT_NE(cell.state(0), HIVE_MICRO_DONE);
  cell.cell().pause();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kPaused));
  cells_->home(1).hang(false);
  cell.cell().resume();
  EXPECT_TRUE(cell.run_until_done(0));
  EXPECT_GE(home().await_violations(1).size(), 1U);
  EXPECT_TRUE(holds(home(), kContribution - kPageSize, kPageSize, kOld));
  EXPECT_EQ(word(cells_->home(1), 0), kOldWord & ~0xffffffffULL);
}

}  // namespace
}  // namespace hive::test
