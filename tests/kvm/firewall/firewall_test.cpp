// The write firewall, with real vCPUs that run into it.
#include <gtest/gtest.h>

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
  const auto violations = cells.home(0).violations();
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

}  // namespace
}  // namespace hive::test
