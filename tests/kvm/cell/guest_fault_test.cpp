// Faults that a VMM does to its guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/kvm/harness/smp_scripts.h"

namespace hive::test {
namespace {

using cell::GuestFault;
using cell::GuestFaultKind;
using cell::ReportKind;
using cell::VcpuProgress;
using std::chrono::milliseconds;
using testing::HasSubstr;

/// What a vCPU does that works for ever, so that `performed` grows.
std::vector<micro::Action> busy() {
  return {micro::loop(~std::uint64_t{0}, 1), micro::load(8, HIVE_MICRO_FREE)};
}

class GuestFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// What is said when FAULT is done.
  static std::string done(MicroCell& cell, const GuestFault& fault) {
    cell.cell().inject(fault);
    const auto report = cell.find(ReportKind::kFaultDone);
    EXPECT_FALSE(cell.find(ReportKind::kFaultNotDone).has_value());
    return report ? report->detail : "";
  }
  static std::string refusal(MicroCell& cell, const GuestFault& fault) {
    cell.cell().inject(fault);
    EXPECT_FALSE(cell.find(ReportKind::kFaultDone).has_value());
    const auto report = cell.find(ReportKind::kFaultNotDone);
    return report ? report->detail : "";
  }

  static void await_work(MicroCell& cell, unsigned cpu = 0) {
    const std::uint64_t before = cell.performed(cpu);
    EXPECT_TRUE(cell.run_until([&] { return cell.performed(cpu) > before + 10; }));
  }
  /// Whether the guest stands still for a while in which it would do much.
  static bool stands_still(MicroCell& cell, unsigned cpu = 0) {
    const std::uint64_t before = cell.performed(cpu);
    (void)cell.run_until([] { return false; }, std::chrono::seconds(1));
    return cell.performed(cpu) == before;
  }
};

TEST_F(GuestFaults, StopAVcpuForGood) {
  MicroCell cell({busy()});
  cell.cell().start();
  await_work(cell);
  EXPECT_EQ(done(cell, {GuestFaultKind::kVcpuStop, {}, {}, {}}), "vCPU 0 stopped");
  EXPECT_TRUE(stands_still(cell));
  // The VMM goes on.
  cell.cell().pause();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kPaused));
  cell.cell().resume();
  EXPECT_TRUE(stands_still(cell));
}

TEST_F(GuestFaults, StopAVcpuForAWhile) {
  MicroCell cell({busy()});
  cell.cell().start();
  await_work(cell);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(done(cell, {GuestFaultKind::kVcpuStop, 0, milliseconds(1500), {}}), "vCPU 0 stopped");
  await_work(cell);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(1500));
}

TEST_F(GuestFaults, MakeATripleFault) {
  MicroCell cell({busy()});
  cell.cell().start();
  await_work(cell);
  EXPECT_THAT(done(cell, {GuestFaultKind::kTripleFault, {}, {}, {}}), HasSubstr("no handler"));
  EXPECT_TRUE(cell.run_until_report(ReportKind::kTripleFault));
}

TEST_F(GuestFaults, MakeATripleFaultInAGuestThatHalts) {
  MicroCell cell({{micro::halt()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  (void)cell.run_until([] { return false; }, std::chrono::seconds(1));
  done(cell, {GuestFaultKind::kTripleFault, {}, {}, {}});
  EXPECT_TRUE(cell.run_until_report(ReportKind::kTripleFault));
}

TEST_F(GuestFaults, RaiseAnNmi) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  EXPECT_EQ(done(cell, {GuestFaultKind::kNmi, {}, {}, {}}), "vCPU 0 has an NMI");
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, 0).status, HIVE_MICRO_EXCEPTION);
  EXPECT_EQ(cell.result(0, 0).vector, 2);
}

TEST_F(GuestFaults, HangAGuest) {
  for (const auto& script : {busy(), std::vector{micro::halt()}}) {
    MicroCell cell({script});
    cell.cell().start();
    EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
    (void)cell.run_until([] { return false; }, std::chrono::seconds(1));
    EXPECT_THAT(done(cell, {GuestFaultKind::kHang, {}, {}, {}}),
                HasSubstr("vCPU 0 hang, with interrupts off, at 0x"));
    EXPECT_TRUE(stands_still(cell));
    const VcpuProgress& vcpu = cell.progress().vcpus[0];
    const std::uint64_t before = vcpu.looks.load();
    EXPECT_TRUE(cell.run_until([&] {
      cell.cell().look();
      return vcpu.looks.load() > before + 1;
    }));
    EXPECT_EQ(vcpu.flags.load(), VcpuProgress::kMasked);
    const std::uint64_t rip = vcpu.rip.load();
    EXPECT_TRUE(cell.run_until([&] {
      cell.cell().look();
      return vcpu.looks.load() > before + 4;
    }));
    EXPECT_EQ(vcpu.rip.load(), rip) << "it spins";
  }
}

TEST_F(GuestFaults, HitOneVcpuOfTwo) {
  MicroCell cell(
      {{micro::start_cpu(1), micro::loop(~std::uint64_t{0}, 1), micro::load(8, HIVE_MICRO_FREE)},
       busy()});
  cell.cell().start();
  await_work(cell, 1);
  EXPECT_EQ(done(cell, {GuestFaultKind::kVcpuStop, 1, {}, {}}), "vCPU 1 stopped");
  EXPECT_TRUE(stands_still(cell, 1));
  await_work(cell, 0);
}

TEST_F(GuestFaults, AreRefusedWhereThereIsNoSuchVcpu) {
  MicroCell cell({busy(), busy()});  // The second is never started.
  cell.cell().start();
  await_work(cell);
  EXPECT_THAT(refusal(cell, {GuestFaultKind::kNmi, 2, {}, {}}),
              HasSubstr("no vCPU 2: the cell has 2"));
}

TEST_F(GuestFaults, AreRefusedWhereAVcpuWasNotStarted) {
  MicroCell cell({busy(), busy()});
  cell.cell().start();
  await_work(cell);
  EXPECT_THAT(refusal(cell, {GuestFaultKind::kTripleFault, 1, {}, {}}),
              HasSubstr("the guest has not started vCPU 1"));
  await_work(cell);
}

TEST_F(GuestFaults, AreRefusedWhileTheGuestIsHeld) {
  MicroCell cell({busy()});
  cell.cell().start();
  cell.cell().pause();
  ASSERT_TRUE(cell.run_until_report(ReportKind::kPaused));
  EXPECT_THAT(refusal(cell, {GuestFaultKind::kNmi, {}, {}, {}}), HasSubstr("held at present"));
}

}  // namespace
}  // namespace hive::test
