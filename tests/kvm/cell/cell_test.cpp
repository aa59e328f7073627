// A cell from its construction to each of its ends, with real vCPUs and devices.
#include "vmm/cell/cell.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/error.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using cell::ReportKind;
namespace layout = memory::layout;

class CellOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(CellOnKvm, SaysThatItStarted) {
  MicroCell cell({{micro::rdtsc()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kStarted));
  EXPECT_TRUE(cell.run_until_done());
}

TEST_F(CellOnKvm, PowersOffThroughSleepControl) {
  MicroCell cell({{micro::out(1, layout::kSleepControl, layout::kSleepOff)}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kOff));
  EXPECT_FALSE(cell.find(ReportKind::kReset));
}

TEST_F(CellOnKvm, ResetsThroughTheResetRegister) {
  MicroCell cell({{micro::out(1, layout::kResetPort, layout::kResetValue)}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kReset));
  EXPECT_FALSE(cell.find(ReportKind::kOff));
}

TEST_F(CellOnKvm, ResetsThroughTheKeyboardController) {
  MicroCell cell({{micro::out(1, 0x64, 0xfe)}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kReset));
}

TEST_F(CellOnKvm, ReportsAPanicAndGoesOn) {
  MicroCell cell({{micro::out(1, layout::kPvpanicPort.start, 1), micro::rdtsc()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kPanicked));
  EXPECT_TRUE(cell.run_until_done());
}

TEST_F(CellOnKvm, ReportsATripleFaultWithItsPlace) {
  MicroCell cell({{micro::triple_fault()}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_report(ReportKind::kTripleFault));
  EXPECT_NE(cell.find(ReportKind::kTripleFault)->detail.find("rip"), std::string::npos);
}

TEST_F(CellOnKvm, RunsEightVcpus) {
  constexpr unsigned kCpus = 8;
  constexpr std::uint64_t kCounter = HIVE_MICRO_FREE;
  std::vector<std::vector<micro::Action>> scripts(kCpus);
  for (unsigned cpu = 1; cpu < kCpus; ++cpu) {
    scripts[0].push_back(micro::start_cpu(cpu));
    scripts[cpu] = {micro::add(4, kCounter, 1)};
  }
  scripts[0].push_back(micro::wait(4, kCounter, kCpus - 1));
  MicroCell cell(scripts);
  cell.cell().start();
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) EXPECT_TRUE(cell.run_until_done(cpu)) << cpu;
}

TEST_F(CellOnKvm, GivesEachVcpuItsApicId) {
  MicroCell cell({{micro::cpuid(1), micro::start_cpu(1)}, {micro::cpuid(1)}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_done(0) && cell.run_until_done(1));
  EXPECT_EQ(cell.result(0, 0).value >> 56, 0U);
  EXPECT_EQ(cell.result(1, 0).value >> 56, 1U);
}

TEST_F(CellOnKvm, StandsStillWhilePaused) {
  constexpr std::uint64_t kForever = 1ULL << 40;
  const std::vector<micro::Action> busy{micro::loop(kForever, 1),
                                        micro::add(8, HIVE_MICRO_FREE, 1)};
  MicroCell cell({{micro::start_cpu(1), busy[0], busy[1]}, busy});
  cell.cell().start();
  const auto counter = [&] {
    return cell.cell().memory().load<std::uint64_t>({HIVE_MICRO_FREE}).value();
  };
  ASSERT_TRUE(cell.run_until([&] { return counter() > 100; }));

  cell.cell().pause();
  ASSERT_TRUE(cell.run_until_report(ReportKind::kPaused));
  const std::uint64_t at_pause = counter();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(counter(), at_pause);

  cell.cell().resume();
  EXPECT_TRUE(cell.run_until_report(ReportKind::kResumed));
  EXPECT_TRUE(cell.run_until([&] { return counter() > at_pause + 100; }));
}

TEST_F(CellOnKvm, EndsWhileItsVcpusSpinOrSleep) {
  MicroCell cell({{micro::start_cpu(1), micro::spin()}, {micro::halt()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.performed(0) == 1; }));
  // The destructor must get both vCPUs out; if it cannot, this test never ends.
}

TEST_F(CellOnKvm, ShowsItsDevicesOnThePciBus) {
  constexpr std::uint64_t kDeviceStride = 1 << 15;
  MicroCell cell({{micro::map(layout::kEcam.start), micro::load(4, layout::kEcam.start),
                   micro::load(4, layout::kEcam.start + kDeviceStride),
                   micro::load(4, layout::kEcam.start + 9 * kDeviceStride),
                   micro::out(4, 0xcf8, 0x8000'0000 | 1 << 11), micro::in(4, 0xcfc)}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, 1).value, 0x0008'1b36U) << "host bridge";
  EXPECT_EQ(cell.result(0, 2).value, 0x1044'1af4U) << "virtio-rng";
  EXPECT_EQ(cell.result(0, 3).value, 0xffff'ffffU) << "nothing there";
  EXPECT_EQ(cell.result(0, 5).value, 0x1044'1af4U) << "the same by ports";
}

TEST_F(CellOnKvm, PressingThePowerButtonIsSeenByTheGuest) {
  MicroCell cell({{micro::wait(1, HIVE_MICRO_FREE, 1), micro::in(1, layout::kPowerEvents),
                   micro::in(1, layout::kPowerEvents)}});
  cell.cell().start();
  cell.cell().press_power_button();
  ASSERT_TRUE(cell.cell().memory().store({HIVE_MICRO_FREE}, std::uint8_t{1}));
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_EQ(cell.result(0, 1).value, layout::kPowerButtonEvent);
  EXPECT_EQ(cell.result(0, 2).value, 0U) << "a read clears it";
}

TEST_F(CellOnKvm, RefusesADiskThatAnotherCellHas) {
  const TempFile disk{std::vector<std::byte>(kPageSize)};
  MicroCell first({{micro::end()}}, {{disk.path(), false}});
  try {
    MicroCell second({{micro::end()}}, {{disk.path(), false}});
    FAIL() << "two cells write one disk";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(disk.path()), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hive::test
