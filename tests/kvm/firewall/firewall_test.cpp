// The write firewall, with real vCPUs that run into it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using cell::ReportKind;
using firewall::PageRange;
using firewall::PageRanges;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};
constexpr std::uint8_t kGeneralProtection = 13;

std::uint64_t at(unsigned home, std::uint64_t offset) {
  return GlobalCells::address(home, offset, kContribution);
}

std::uint64_t word(Home& home, std::uint64_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, home.content() + offset, sizeof value);
  return value;
}

/// How many violations home 0 knows of. It hears of the last ones when the vCPUs are past them, so
/// that COUNT are waited for.
std::size_t violations(GlobalCells& cells, std::size_t count) {
  (void)cells.cell(1).run_until([&] { return cells.home(0).violations().size() >= count; });
  return cells.home(0).violations().size();
}

class FirewallOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(FirewallOnKvm, LetsACellReadAllAndWriteItsOwn) {
  GlobalCells cells({{{micro::end()}},
                     {{micro::map(at(0, 0)), micro::load(8, at(0, 64)),
                       micro::store(8, at(1, 8), 0x1234), micro::load(8, at(1, 8))}}},
                    kContribution);
  const std::uint64_t value = 0xfeedfacecafe;
  std::memcpy(cells.home(0).content() + 64, &value, sizeof value);
  cells.start();
  ASSERT_TRUE(cells.cell(1).run_until_done());
  EXPECT_EQ(cells.cell(1).result(0, 1).value, value);
  EXPECT_EQ(cells.cell(1).result(0, 3).value, 0x1234U);
  EXPECT_EQ(word(cells.home(1), 8), 0x1234U);
  EXPECT_TRUE(cells.home(0).violations().empty());
}

TEST_F(FirewallOnKvm, StopsAWriteToAnotherHomesPage) {
  GlobalCells cells({{{micro::end()}},
                     {{micro::map(at(0, 0)), micro::store(8, at(0, 0x3008), ~0ULL),
                       micro::load(8, at(0, 0x3008)), micro::rdtsc()}}},
                    kContribution);
  cells.start();
  ASSERT_TRUE(cells.cell(1).run_until_done());
  EXPECT_EQ(cells.cell(1).result(0, 1).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(cells.cell(1).result(0, 1).vector, kGeneralProtection);
  EXPECT_EQ(cells.cell(1).result(0, 2).value, 0U);
  EXPECT_EQ(cells.cell(1).result(0, 3).status, HIVE_MICRO_OK);
  EXPECT_EQ(word(cells.home(0), 0x3008), 0U);

  EXPECT_TRUE(cells.cell(1).run_until_report(ReportKind::kViolation));
  const auto violations = cells.home(0).await_violations(1);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].cell, kBeta);
  EXPECT_EQ(violations[0].page, 3U);
  EXPECT_EQ(violations[0].vcpu, 0);
  EXPECT_EQ(violations[0].rip, cells.cell(1).result(0, 1).rip);
}

TEST_F(FirewallOnKvm, LetsAGrantedPageBeWrittenAndMarksIt) {
  GlobalCells cells({{{micro::end()}},
                     {{micro::map(at(0, 0)), micro::store(8, at(0, 0x5000), 77),
                       micro::load(8, at(0, 0x5000)), micro::store(8, at(0, 0x4ff8), 78)}}},
                    kContribution);
  cells.home(0).grant(kBeta, {5, 2});
  cells.start();
  ASSERT_TRUE(cells.cell(1).run_until_done());
  EXPECT_EQ(cells.cell(1).result(0, 1).status, HIVE_MICRO_OK);
  EXPECT_EQ(cells.cell(1).result(0, 2).value, 77U);
  EXPECT_EQ(word(cells.home(0), 0x5000), 77U);
  EXPECT_EQ(cells.home(0).written_by(kBeta), (PageRanges{{5, 1}}));
  EXPECT_EQ(cells.cell(1).result(0, 3).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(word(cells.home(0), 0x4ff8), 0U);
}

TEST_F(FirewallOnKvm, StopsEveryKindOfWrite) {
  const std::vector<micro::Action> writes{
      micro::store(1, at(0, 0x3000), 1),       micro::store(8, at(0, 0x3ff8), ~0ULL),
      micro::store(4, at(0, 0x3ffe), ~0ULL),  // Into the next page, forbidden too.
      micro::add(8, at(0, 0x3010), 1),         micro::xchg(4, at(0, 0x3020), 5),
      micro::cmpxchg(8, at(0, 0x3030), 0, 9),  micro::fill(at(0, 0x3040), 0xaa, 64),
      micro::copy(at(0, 0x3100), at(1, 0), 64)};
  std::vector<micro::Action> script{micro::map(at(0, 0))};
  script.insert(script.end(), writes.begin(), writes.end());
  GlobalCells cells({{{micro::end()}}, {script}}, kContribution);
  std::memset(cells.home(1).content(), 0x55, 64);
  cells.start();
  ASSERT_TRUE(cells.cell(1).run_until_done());
  for (unsigned action = 1; action < script.size(); ++action) {
    EXPECT_EQ(cells.cell(1).result(0, action).status, HIVE_MICRO_EXCEPTION) << action;
    EXPECT_EQ(cells.cell(1).result(0, action).vector, kGeneralProtection) << action;
  }
  EXPECT_TRUE(std::all_of(cells.home(0).content(), cells.home(0).content() + kContribution,
                          [](std::byte each) { return each == std::byte{0}; }));
  EXPECT_EQ(violations(cells, writes.size()), writes.size());
}

TEST_F(FirewallOnKvm, StopsAWriteThatCrossesFromAPermittedPage) {
  GlobalCells cells({{{micro::end()}},
                     {{micro::map(at(0, 0)), micro::store(8, at(0, 0x3ffc), ~0ULL),
                       micro::copy(at(0, 0x3fc0), at(1, 0), 128)}}},
                    kContribution);
  std::memset(cells.home(1).content(), 0x55, 128);
  cells.home(0).grant(kBeta, {3, 1});
  cells.start();
  ASSERT_TRUE(cells.cell(1).run_until_done());
  EXPECT_EQ(cells.cell(1).result(0, 1).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(cells.cell(1).result(0, 2).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(word(cells.home(0), 0x4000), 0U);
  EXPECT_EQ(word(cells.home(0), 0x3ff0), 0x5555555555555555U);
  for (const auto& violation : cells.home(0).await_violations(2)) EXPECT_EQ(violation.page, 4U);
}

TEST_F(FirewallOnKvm, StopsTheCellWhereThePlanWantsThat) {
  GlobalCells cells(
      {{{micro::end()}}, {{micro::map(at(0, 0)), micro::store(8, at(0, 0), 1), micro::spin()}}},
      kContribution, cell::OnViolation::kStop);
  cells.start();
  EXPECT_TRUE(cells.cell(1).run_until_report(ReportKind::kFailed));
  EXPECT_EQ(word(cells.home(0), 0), 0U);
  EXPECT_EQ(violations(cells, 1), 1U);
}

/// Scripts for COUNT CPUs, the first of which starts the others; all perform ACTIONS.
std::vector<std::vector<micro::Action>> on_cpus(unsigned count,
                                                const std::vector<micro::Action>& actions) {
  std::vector<std::vector<micro::Action>> scripts(count);
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    scripts[cpu].push_back(micro::map(at(0, 0)));
    for (unsigned other = 1; cpu == 0 && other < count; ++other) {
      scripts[cpu].push_back(micro::start_cpu(other));
    }
    scripts[cpu].insert(scripts[cpu].end(), actions.begin(), actions.end());
  }
  return scripts;
}

TEST_F(FirewallOnKvm, StopsVcpusThatWriteTheSamePageTogether) {
  constexpr unsigned kCpus = 4, kTurns = 50;
  GlobalCells cells({{{micro::end()}},
                     on_cpus(kCpus, {micro::loop(kTurns, 1), micro::store(8, at(0, 0x1000), 1)})},
                    kContribution);
  cells.start();
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) ASSERT_TRUE(cells.cell(1).run_until_done(cpu));
  EXPECT_EQ(word(cells.home(0), 0x1000), 0U);
  EXPECT_EQ(violations(cells, kCpus * kTurns), kCpus * kTurns);
}

TEST_F(FirewallOnKvm, WritesNothingMoreOnceARevokeHasReturned) {
  constexpr unsigned kCpus = 2;
  GlobalCells cells(
      {{{micro::end()}},
       on_cpus(kCpus, {micro::loop(1'000'000'000, 1), micro::add(8, at(0, 0x1000), 1)})},
      kContribution);
  cells.start();
  for (unsigned turn = 0; turn < 20; ++turn) {
    cells.home(0).grant(kBeta, {1, 1});
    const std::uint64_t before = word(cells.home(0), 0x1000);
    EXPECT_TRUE(cells.cell(1).run_until([&] { return word(cells.home(0), 0x1000) > before + 5; }));
    cells.home(0).revoke(kBeta, {1, 1});
    const std::uint64_t after = word(cells.home(0), 0x1000);
    cells.cell(1).loop().restart();
    cells.cell(1).loop().run_for(std::chrono::milliseconds(5));
    EXPECT_EQ(word(cells.home(0), 0x1000), after) << turn;
    EXPECT_TRUE(cells.home(0).written_by(kBeta).empty());
  }
}

}  // namespace
}  // namespace hive::test
