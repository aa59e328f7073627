// The same forbidden writes under every answer to violations, with one vCPU and with several.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/smp_scripts.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using cell::OnViolation;
using cell::ReportKind;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};
constexpr std::byte kOld{0x5a};  // What home 0's pages hold.
constexpr std::uint64_t kOldWord = 0x5a5a5a5a5a5a5a5a;
constexpr unsigned kGrantedPage = 0x10;

std::uint64_t at(unsigned home, std::uint64_t offset) {
  return GlobalCells::address(home, offset, kContribution);
}

/// Every kind of write, all to pages 3 and 4 of home 0.
std::vector<micro::Action> all_writes() {
  return {micro::store(1, at(0, 0x3000), 1),
          micro::store(8, at(0, 0x3ff8), ~0ULL),
          micro::store(4, at(0, 0x3ffe), ~0ULL),  // Into the next page, forbidden too.
          micro::add(8, at(0, 0x3010), 1),
          micro::xchg(4, at(0, 0x3020), 5),
          micro::cmpxchg(8, at(0, 0x3030), kOldWord, 9),
          micro::cmpxchg(8, at(0, 0x3038), 1, 9),  // Fails, and writes what is there.
          micro::add(8, at(0, 0x3ffc), 1),         // A split lock.
          micro::fill(at(0, 0x3040), 0xaa, 64),
          micro::copy(at(0, 0x3100), at(1, 0), 64),
          micro::copy(at(0, 0x3fe0), at(1, 0), 64)};
}

class PolicyOnKvm : public ::testing::TestWithParam<std::tuple<OnViolation, unsigned>> {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  [[nodiscard]] static OnViolation policy() { return std::get<0>(GetParam()); }
  [[nodiscard]] static unsigned cpus() { return std::get<1>(GetParam()); }

  /// Beta, all of whose CPUs perform ACTIONS after a barrier.
  static GlobalCells make(const std::vector<micro::Action>& actions) {
    return GlobalCells({{{micro::end()}}, on_cpus(cpus(), at(0, 0), actions)}, kContribution,
                       policy());
  }

  static void prepare(GlobalCells& cells) {
    std::memset(cells.home(0).content(), static_cast<int>(kOld), kContribution);
    cells.home(0).grant(kBeta, {kGrantedPage, 1});
    cells.start();
  }

  /// Where beta's CPUs are, for a failure's message.
  static std::string standing(GlobalCells& cells) {
    std::string text;
    for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
      text += "cpu " + std::to_string(cpu) + ": state " + std::to_string(cells.cell(1).state(cpu)) +
              ", performed " + std::to_string(cells.cell(1).performed(cpu)) + "; ";
    }
    const auto failed = cells.cell(1).find(ReportKind::kFailed);
    return text + (failed ? failed->detail : "");
  }

  static bool unchanged(GlobalCells& cells) {
    const std::byte* content = cells.home(0).content();
    return std::all_of(content, content + kGrantedPage * kPageSize,
                       [](std::byte each) { return each == kOld; });
  }
};

std::string name_of(const ::testing::TestParamInfo<std::tuple<OnViolation, unsigned>>& info) {
  const char* policy = std::get<0>(info.param) == OnViolation::kFault  ? "Fault"
                       : std::get<0>(info.param) == OnViolation::kStop ? "Stop"
                                                                       : "Ignore";
  return policy + std::to_string(std::get<1>(info.param));
}

/// Policies with which the cell goes on.
class MildPolicyOnKvm : public PolicyOnKvm {
 protected:
  static void write_all(bool interrupts);
};
class StopPolicyOnKvm : public PolicyOnKvm {};

INSTANTIATE_TEST_SUITE_P(Policies, MildPolicyOnKvm,
                         ::testing::Combine(::testing::Values(OnViolation::kFault,
                                                              OnViolation::kIgnore),
                                            ::testing::Values(1U, 4U)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Policies, StopPolicyOnKvm,
                         ::testing::Combine(::testing::Values(OnViolation::kStop),
                                            ::testing::Values(1U, 4U)),
                         name_of);

TEST_P(MildPolicyOnKvm, ChangesNoByteByAnyKindOfWrite) { write_all(false); }
// With interrupts on, KVM waits for pages on threads of the kernel's own.
TEST_P(MildPolicyOnKvm, ChangesNoByteWithInterruptsOn) { write_all(true); }

void MildPolicyOnKvm::write_all(bool interrupts) {
  std::vector<micro::Action> actions = all_writes();
  const auto writes = static_cast<unsigned>(actions.size());
  actions.insert(actions.begin(), micro::interrupts(interrupts));
  actions.push_back(micro::add(8, at(0, kGrantedPage * kPageSize), 1));
  GlobalCells cells = make(actions);
  prepare(cells);
  const bool dropped = policy() == OnViolation::kIgnore;
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
    ASSERT_TRUE(cells.cell(1).run_until_done(cpu)) << standing(cells);
    const unsigned first = first_action(cpu, cpus()) + 1;
    for (unsigned each = 0; each < writes; ++each) {
      EXPECT_EQ(cells.cell(1).result(cpu, first + each).status,
                dropped ? HIVE_MICRO_OK : HIVE_MICRO_EXCEPTION)
          << "cpu " << cpu << ", write " << each;
    }
    EXPECT_EQ(cells.cell(1).result(cpu, first + writes).status, HIVE_MICRO_OK);
  }
  EXPECT_TRUE(unchanged(cells));
  std::uint64_t sum = 0;
  std::memcpy(&sum, cells.home(0).content() + kGrantedPage * kPageSize, sizeof sum);
  EXPECT_EQ(sum, kOldWord + cpus());
  EXPECT_GE(cells.home(0).await_violations(writes * cpus()).size(), writes * cpus());
  EXPECT_TRUE(cells.cell(1).run_until_report(ReportKind::kViolation));
  EXPECT_FALSE(cells.cell(1).find(ReportKind::kFailed));
}

TEST_P(StopPolicyOnKvm, StopsTheCellAtAnyKindOfWrite) {
  for (const micro::Action& write : all_writes()) {
    GlobalCells cells = make({write, micro::spin()});
    prepare(cells);
    EXPECT_TRUE(cells.cell(1).run_until_report(ReportKind::kFailed)) << write.op;
    EXPECT_TRUE(unchanged(cells)) << write.op;
    EXPECT_GE(cells.home(0).await_violations(1).size(), 1U);
  }
}

TEST_P(MildPolicyOnKvm, DoesNotHinderWritesThatAreAllowed) {
  constexpr unsigned kTurns = 30;
  // Even CPUs write only where they may; odd ones, or the only one, violate all the time.
  const std::uint64_t counter = at(0, kGrantedPage * kPageSize);
  std::vector<std::vector<micro::Action>> scripts;
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) {
    std::vector<micro::Action> actions{micro::loop(kTurns, 2), micro::add(8, counter, 1),
                                       micro::add(8, at(0, 0x1000 * cpu), 1)};
    if (cpu % 2 == 0 && cpus() > 1) actions.back() = micro::add(8, at(1, 0x1000 * cpu), 1);
    scripts.push_back(on_cpu(cpu, cpus(), at(0, 0), actions));
  }
  GlobalCells cells({{{micro::end()}}, scripts}, kContribution, policy());
  prepare(cells);
  for (unsigned cpu = 0; cpu < cpus(); ++cpu) ASSERT_TRUE(cells.cell(1).run_until_done(cpu));
  EXPECT_TRUE(unchanged(cells));
  std::uint64_t sum = 0;
  std::memcpy(&sum, cells.home(0).content() + kGrantedPage * kPageSize, sizeof sum);
  EXPECT_EQ(sum, kOldWord + std::uint64_t{kTurns} * cpus());
  const std::size_t violators = cpus() == 1 ? 1 : cpus() / 2;
  EXPECT_EQ(cells.home(0).await_violations(kTurns * violators).size(), kTurns * violators);
}

}  // namespace
}  // namespace hive::test
