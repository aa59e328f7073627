// What a cell shows its monitor of its vCPUs.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/cell/progress.h"

namespace hive::test {
namespace {

using cell::VcpuProgress;

class Look : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Looks at CELL's first vCPU until it was seen COUNT times.
  static const VcpuProgress& look(MicroCell& cell, std::uint64_t count) {
    const VcpuProgress& vcpu = cell.progress().vcpus[0];
    EXPECT_TRUE(cell.run_until([&] {
      cell.cell().look();
      return vcpu.looks.load() >= count;
    }));
    return vcpu;
  }
};

TEST_F(Look, FindsAGuestThatSpinsWithInterruptsOff) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  const VcpuProgress& vcpu = look(cell, 3);
  EXPECT_EQ(vcpu.flags.load(), VcpuProgress::kMasked);
  EXPECT_NE(vcpu.rip.load(), 0U);
  EXPECT_GE(vcpu.exits.load(), 3U);
  EXPECT_TRUE(std::filesystem::exists("/proc/self/task/" + std::to_string(vcpu.thread.load())));
}

TEST_F(Look, FindsInterruptsThatAreOn) {
  MicroCell cell({{micro::interrupts(true), micro::spin()}});
  cell.cell().start();
  const VcpuProgress& vcpu = cell.progress().vcpus[0];
  EXPECT_TRUE(cell.run_until([&] {
    cell.cell().look();
    return vcpu.looks.load() > 0 && (vcpu.flags.load() & VcpuProgress::kMasked) == 0;
  }));
}

TEST_F(Look, WaitsForAGuestThatIsPaused) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  look(cell, 1);
  cell.cell().pause();
  ASSERT_TRUE(cell.run_until_report(cell::ReportKind::kPaused));
  const std::uint64_t before = cell.progress().vcpus[0].looks.load();
  cell.cell().look();
  EXPECT_EQ(cell.progress().vcpus[0].looks.load(), before);
  cell.cell().resume();
  look(cell, before + 1);
}

TEST_F(Look, TellsAVcpuThatWasNotStarted) {
  MicroCell cell({{micro::halt()}, {micro::halt()}});
  cell.cell().start();
  const VcpuProgress& second = cell.progress().vcpus[1];
  EXPECT_TRUE(cell.run_until([&] {
    cell.cell().look();
    return second.looks.load() > 0;
  }));
  EXPECT_NE(second.flags.load() & VcpuProgress::kUnstarted, 0U);
  EXPECT_EQ(cell.progress().vcpus[0].flags.load() & VcpuProgress::kUnstarted, 0U);
}

TEST_F(Look, LetsAHaltedGuestHalt) {
  MicroCell cell({{micro::halt()}});
  cell.cell().start();
  const VcpuProgress& vcpu = cell.progress().vcpus[0];
  EXPECT_TRUE(cell.run_until([&] {
    cell.cell().look();
    return vcpu.flags.load() == VcpuProgress::kHalted;
  }));
  look(cell, vcpu.looks.load() + 5);
  EXPECT_NE(cell.state(0), HIVE_MICRO_DONE);
  EXPECT_EQ(vcpu.flags.load(), VcpuProgress::kHalted);
  EXPECT_EQ(vcpu.halts.load(), 1U);
}

TEST_F(Look, TellsAGuestThatNothingWakes) {
  MicroCell cell({std::vector<micro::Action>{}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_DONE; }));
  const VcpuProgress& vcpu = cell.progress().vcpus[0];
  EXPECT_TRUE(cell.run_until([&] {
    cell.cell().look();
    return vcpu.flags.load() == (VcpuProgress::kHalted | VcpuProgress::kMasked);
  }));
}

}  // namespace
}  // namespace hive::test
