// Pages of a guest's memory that fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"

namespace hive::test {
namespace {

using cell::Corruption;
using cell::CorruptionPlace;
using cell::GuestFaultKind;
using cell::ReportKind;
using testing::AnyOf;
using testing::HasSubstr;

constexpr std::uint64_t kPage = HIVE_MICRO_FREE + 0x3000;
constexpr std::uint64_t kGo = HIVE_MICRO_FREE;
constexpr std::uint8_t kMachineCheck = 18;
constexpr std::uint32_t kCapability = 0x179, kGlobalStatus = 0x17a, kFirstStatus = 0x401;

class PageFailures : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  static Corruption page(unsigned count = 1, std::uint64_t length = 8) {
    return {CorruptionPlace::kPhysical, cell::Change::kFlip, count, 7, {{kPage + 0x10, length}}};
  }
};

TEST_F(PageFailures, LoseWhatWasInThePageAndNothingElse) {
  MicroCell cell(
      {{micro::fill(HIVE_MICRO_FREE + 0x2000, 0x5a, 0x3000), micro::wait(8, kGo, 1),
        micro::load(8, kPage), micro::load(8, kPage - 8), micro::load(8, kPage + 0x1000)}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until([&] { return cell.performed(0) == 1; }));
  cell.cell().inject({GuestFaultKind::kPageFail, {}, {}, page()});
  const auto report = cell.find(ReportKind::kFaultDone);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->detail, HasSubstr("seed 7: lost 0x203000; "));
  ASSERT_TRUE(cell.cell().memory().store({kGo}, std::uint64_t{1}));
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, 2).value, ~0ULL);
  EXPECT_EQ(cell.result(0, 3).value, 0x5a5a'5a5a'5a5a'5a5aULL);
  EXPECT_EQ(cell.result(0, 4).value, 0x5a5a'5a5a'5a5a'5a5aULL);
}

TEST_F(PageFailures, AreOfTheGuestsOwnRam) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  Corruption past = page();
  past.ranges = {{MicroCell::kMemory, 8}};
  cell.cell().inject({GuestFaultKind::kPageFail, {}, {}, past});
  EXPECT_FALSE(cell.find(ReportKind::kFaultDone).has_value());
  const auto report = cell.find(ReportKind::kFaultNotDone);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->detail, HasSubstr("is not all RAM of the guest's own"));
}

TEST_F(PageFailures, AreToldInTheWayOfTheCpu) {
  const kvm::MachineChecks checks = kvm::Kvm().machine_checks();
  if (checks.capability == 0) GTEST_SKIP() << "this host's KVM has no machine checks";
  const bool raises = checks.style == kvm::MemoryErrorStyle::kException;
  const std::uint32_t last = kFirstStatus + (checks.banks() - 1) * 4;
  // The machine check ends the spinning; who has none is told to go on.
  const micro::Action waits = raises ? micro::spin() : micro::wait(8, kGo, 1);
  MicroCell cell({{waits, micro::rdmsr(last), micro::rdmsr(last + 1), micro::rdmsr(last - 3)}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  cell.cell().inject({GuestFaultKind::kPageFail, {}, {}, raises ? page() : page(2, 0x1000)});
  const auto report = cell.find(ReportKind::kFaultDone);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->detail,
              HasSubstr(raises ? "; vCPU 0 has a machine check" : "; vCPU 0 has it logged"));
  ASSERT_TRUE(cell.cell().memory().store({kGo}, std::uint64_t{1}));
  ASSERT_TRUE(cell.run_until_done());
  if (raises) {
    EXPECT_EQ(cell.result(0, 0).vector, kMachineCheck);
    EXPECT_EQ(cell.result(0, 2).value, kPage);
    return;
  }
  EXPECT_EQ(cell.result(0, 1).value, 0x9c00'1800'0000'0e03ULL);
  std::vector<std::uint64_t> told{cell.result(0, 2).value, cell.result(0, 3).value};
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (std::vector<std::uint64_t>{kPage, kPage + 0x1000}));
}

TEST_F(PageFailures, AreRefusedWhereTheGuestHasNotLookedAtThoseBefore) {
  const kvm::MachineChecks checks = kvm::Kvm().machine_checks();
  if (checks.capability == 0) GTEST_SKIP() << "this host's KVM has no machine checks";
  MicroCell cell({{micro::spin(), micro::halt()}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  for (unsigned i = 0; i < 20 && !cell.find(ReportKind::kFaultNotDone); ++i) {
    cell.cell().inject({GuestFaultKind::kPageFail, {}, {}, page()});
  }
  const auto report = cell.find(ReportKind::kFaultNotDone);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->detail, AnyOf(HasSubstr("the guest has not looked at the errors"),
                                    HasSubstr("is not done with its last machine check")));
  EXPECT_FALSE(cell.find(ReportKind::kTripleFault).has_value());
}

/// KVM's part: what a guest that takes machine checks is told.
class MachineCheck : public PageFailures {
 protected:
  void SetUp() override {
    PageFailures::SetUp();
    if (IsSkipped()) return;
    checks_ = kvm::Kvm().machine_checks();
    if (checks_.capability == 0) GTEST_SKIP() << "this host's KVM has no machine checks";
  }
  kvm::MachineChecks checks_;
};

TEST_F(MachineCheck, IsAnExceptionWithThePagesAddressInItsBank) {
  constexpr std::uint32_t kBank = kFirstStatus + 9 * 4;
  MicroMachine machine({{micro::spin(), micro::rdmsr(kGlobalStatus), micro::rdmsr(kBank),
                         micro::rdmsr(kBank + 1), micro::rdmsr(kBank + 2)}});
  machine.vcpu(0).set_up_machine_checks(checks_.capability);
  while (machine.results(0).state != HIVE_MICRO_RUNNING) {
    ASSERT_EQ(machine.run(std::chrono::milliseconds(200)), MicroMachine::End::kTimedOut);
  }
  machine.vcpu(0).log(kvm::memory_error(kvm::MemoryErrorStyle::kException, 9, kPage));
  ASSERT_EQ(machine.run(), MicroMachine::End::kDone);
  EXPECT_EQ(machine.result(0, 0).vector, kMachineCheck);
  EXPECT_EQ(machine.result(0, 1).value, 5U);
  EXPECT_EQ(machine.result(0, 2).value, 0xbd00'0000'0000'00c0ULL);
  EXPECT_EQ(machine.result(0, 3).value, kPage);
  EXPECT_EQ(machine.result(0, 4).value, 0x8cU);
}

TEST_F(MachineCheck, IsLoggedForTheGuestToFind) {
  constexpr std::uint32_t kBank = kFirstStatus + 9 * 4;
  MicroMachine machine({{micro::rdmsr(kCapability), micro::rdmsr(kBank), micro::rdmsr(kBank + 1),
                         micro::rdmsr(kBank + 2)}});
  machine.vcpu(0).set_up_machine_checks(checks_.capability);
  machine.vcpu(0).log(kvm::memory_error(kvm::MemoryErrorStyle::kLogged, 9, kPage));
  ASSERT_EQ(machine.run(), MicroMachine::End::kDone);
  // KVM keeps more than that from guests with CPUs of AMD's.
  constexpr std::uint64_t kBanksAndControl = 0x1ff;
  EXPECT_EQ(machine.result(0, 0).value & kBanksAndControl, checks_.capability & kBanksAndControl);
  EXPECT_EQ(machine.result(0, 1).value, 0x9c00'1800'0000'0e03ULL);
  EXPECT_EQ(machine.result(0, 2).value, kPage);
  EXPECT_EQ(machine.result(0, 3).value, 0x8cU);
}

}  // namespace
}  // namespace hive::test
