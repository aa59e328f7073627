// Homes that are closed to a guest, as their cells have failed.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/smp_scripts.h"
#include "vmm/base/units.h"
#include "vmm/cell/global_protocol.h"

namespace hive::test {
namespace {

using cell::OnViolation;
using cell::ReportKind;

constexpr std::uint64_t kContribution = 4 * kMiB;
constexpr CellId kBeta{1};
constexpr std::byte kOld{0x5a};  // What home 0's and home 2's pages hold.
constexpr std::uint64_t kOldWord = 0x5a5a5a5a5a5a5a5a;
constexpr std::uint64_t kOnes = ~std::uint64_t{0};
constexpr std::uint64_t kHome0 = 1;  // As bits of a set of homes.
constexpr std::uint64_t kGo = HIVE_MICRO_FREE;

std::uint64_t at(unsigned home, std::uint64_t offset) {
  return GlobalCells::address(home, offset, kContribution);
}

/// Reads, all from home 0.
std::vector<micro::Action> all_reads() {
  return {micro::load(8, at(0, 0)), micro::load(1, at(0, 0x3fff)), micro::load(4, at(0, 0x3ffe)),
          micro::load(8, at(0, kContribution - 8))};
}

/// Every kind of write, all to pages 3 and 4 of home 0.
std::vector<micro::Action> all_writes() {
  return {micro::store(1, at(0, 0x3000), 1),      micro::store(8, at(0, 0x3ff8), 2),
          micro::store(4, at(0, 0x3ffe), 3),      micro::add(8, at(0, 0x3010), 1),
          micro::xchg(4, at(0, 0x3020), 5),       micro::cmpxchg(8, at(0, 0x3030), kOnes, 9),
          micro::cmpxchg(8, at(0, 0x3038), 1, 9), micro::add(8, at(0, 0x3ffc), 1),
          micro::fill(at(0, 0x3040), 0xaa, 64),   micro::copy(at(0, 0x3100), at(1, 0), 64)};
}

/// Alpha and gamma, which do nothing, and beta between them, to whose guest alpha is closed.
class ClosedOnKvm : public ::testing::TestWithParam<std::tuple<OnViolation, unsigned>> {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  [[nodiscard]] static OnViolation policy() { return std::get<0>(GetParam()); }
  [[nodiscard]] static unsigned cpus() { return std::get<1>(GetParam()); }

  /// Beta's CPUs wait for go(), and perform ACTIONS then.
  void start(const std::vector<micro::Action>& actions) {
    std::vector<micro::Action> waiting{micro::wait(8, kGo, 1)};
    waiting.insert(waiting.end(), actions.begin(), actions.end());
    cells_.emplace(
        std::vector<std::vector<std::vector<micro::Action>>>{
            {{micro::end()}}, on_cpus(cpus(), at(0, 0), waiting), {{micro::end()}}},
        kContribution, policy());
    for (const unsigned home : {0U, 2U}) {
      std::memset(cells_->home(home).content(), static_cast<int>(kOld), kContribution);
      cells_->home(home).grant(kBeta, {0, kContribution / kPageSize});
    }
    cells_->start();
  }
  void go() { ASSERT_TRUE(beta().cell().memory().store<std::uint64_t>({kGo}, 1)); }

  MicroCell& beta() { return cells_->cell(1); }
  hive_micro_result result(unsigned cpu, unsigned action) {
    return beta().result(cpu, first_action(cpu, cpus()) + 1 + action);
  }
  [[nodiscard]] bool unchanged() {
    const std::byte* content = cells_->home(0).content();
    return std::all_of(content, content + kContribution,
                       [](std::byte each) { return each == kOld; });
  }

  std::optional<GlobalCells> cells_;
};

std::string name_of(const ::testing::TestParamInfo<std::tuple<OnViolation, unsigned>>& info) {
  const char* policy = std::get<0>(info.param) == OnViolation::kFault  ? "Fault"
                       : std::get<0>(info.param) == OnViolation::kStop ? "Stop"
                                                                       : "Ignore";
  return policy + std::to_string(std::get<1>(info.param));
}

class MildClosedOnKvm : public ClosedOnKvm {};
class StopClosedOnKvm : public ClosedOnKvm {};

INSTANTIATE_TEST_SUITE_P(Policies, MildClosedOnKvm,
                         ::testing::Combine(::testing::Values(OnViolation::kFault,
                                                              OnViolation::kIgnore),
                                            ::testing::Values(1U, 3U)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Policies, StopClosedOnKvm,
                         ::testing::Combine(::testing::Values(OnViolation::kStop),
                                            ::testing::Values(1U, 3U)),
                         name_of);

TEST_P(MildClosedOnKvm, ReadsAsAllOnesAndTheOthersAsTheyAre) {
  std::vector<micro::Action> actions = all_reads();
  const auto reads = static_cast<unsigned>(actions.size());
  actions.push_back(micro::copy(at(1, 0x1000), at(0, 0x7000), 256));
  actions.push_back(micro::load(8, at(2, 0)));
  actions.push_back(micro::add(8, at(2, 0x1000), 1));
  start(actions);
  beta().cell().close_homes(kHome0);
  go();
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
    ASSERT_TRUE(beta().run_until_done(cpu));
    EXPECT_EQ(result(cpu, 0).value, kOnes);
    EXPECT_EQ(result(cpu, 1).value, 0xffU);
    EXPECT_EQ(result(cpu, 2).value, 0xffff'ffffU);
    EXPECT_EQ(result(cpu, 3).value, kOnes);
    EXPECT_EQ(result(cpu, reads + 1).value, kOldWord);
    EXPECT_EQ(result(cpu, reads + 2).status, HIVE_MICRO_OK);
  }
  const std::byte* copied = cells_->home(1).content() + 0x1000;
  EXPECT_TRUE(
      std::all_of(copied, copied + 256, [](std::byte each) { return each == std::byte{0xff}; }));
  EXPECT_TRUE(unchanged());
  EXPECT_TRUE(cells_->home(0).violations().empty());
}

TEST_P(MildClosedOnKvm, CannotBeWrittenByAnyKindOfWrite) {
  std::vector<micro::Action> actions = all_writes();
  const auto writes = static_cast<unsigned>(actions.size());
  actions.push_back(micro::load(8, at(0, 0x3000)));
  start(actions);
  beta().cell().close_homes(kHome0);
  go();
  const bool dropped = policy() == OnViolation::kIgnore;
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
    ASSERT_TRUE(beta().run_until_done(cpu));
    for (unsigned each = 0; each < writes; ++each) {
      EXPECT_EQ(result(cpu, each).status, dropped ? HIVE_MICRO_OK : HIVE_MICRO_EXCEPTION)
          << "cpu " << cpu << ", write " << each;
    }
    EXPECT_EQ(result(cpu, writes).value, kOnes);
    for (const unsigned locked : {3U, 5U, 6U, 7U}) {
      if (!dropped) break;
      EXPECT_EQ(result(cpu, locked).value, kOnes) << "write " << locked;
    }
  }
  EXPECT_TRUE(unchanged());
  EXPECT_TRUE(beta().run_until_report(ReportKind::kViolation));
  EXPECT_NE(beta().find(ReportKind::kViolation)->detail.find("failed"), std::string::npos);
  EXPECT_FALSE(beta().find(ReportKind::kFailed));
  EXPECT_TRUE(cells_->home(0).violations().empty());
}

TEST_P(StopClosedOnKvm, StopsTheCellThatWrites) {
  for (const micro::Action& write : all_writes()) {
    start({write, micro::spin()});
    beta().cell().close_homes(kHome0);
    go();
    EXPECT_TRUE(beta().run_until_report(ReportKind::kFailed)) << write.op;
    EXPECT_TRUE(unchanged()) << write.op;
  }
}

TEST_P(MildClosedOnKvm, IsAsBeforeWhenItIsOpenedAgain) {
  start({micro::load(8, at(0, 0x2000)), micro::store(8, at(0, 0x2000), 7),
         micro::load(8, at(0, 0x2000))});
  beta().cell().close_homes(kHome0);
  beta().cell().close_homes(kHome0 | 4);
  beta().cell().close_homes(0);
  go();
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
    ASSERT_TRUE(beta().run_until_done(cpu));
    EXPECT_EQ(result(cpu, 1).status, HIVE_MICRO_OK);
    EXPECT_EQ(result(cpu, 2).value, 7U);
  }
  std::uint64_t word = 0;
  std::memcpy(&word, cells_->home(0).content() + 0x2000, sizeof word);
  EXPECT_EQ(word, 7U);
}

TEST_P(MildClosedOnKvm, KeepsWhatWasWrittenBefore) {
  constexpr unsigned kTurns = 400;
  // Even CPUs go on in gamma's memory, while alpha's is closed and opened again and again.
  start({micro::loop(kTurns, 2), micro::add(8, at(2, 0x1000), 1), micro::load(8, at(0, 0x1000))});
  go();
  for (unsigned turn = 0; turn < 20; ++turn) {
    beta().cell().close_homes(turn % 2 == 0 ? kHome0 : 0);
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
    (void)beta().run_until([&] { return std::chrono::steady_clock::now() > until; });
  }
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) ASSERT_TRUE(beta().run_until_done(cpu));
  std::uint64_t sum = 0;
  std::memcpy(&sum, cells_->home(2).content() + 0x1000, sizeof sum);
  EXPECT_EQ(sum, kOldWord + std::uint64_t{kTurns} * cpus());
  EXPECT_TRUE(unchanged());
  EXPECT_FALSE(beta().find(ReportKind::kFailed));
}

}  // namespace
}  // namespace hive::test
