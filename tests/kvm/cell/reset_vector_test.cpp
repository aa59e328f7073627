// A jump to the BIOS entry point, in real mode, resets the cell.
#include <gtest/gtest.h>

#include "tests/kvm/harness/micro_machine.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

TEST(ResetVector, WritesTheResetRegisterInRealMode) {
  const std::string why = MicroMachine::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  MicroMachine machine({{micro::spin()}});
  kvm::Vcpu& cpu = machine.vcpu(0);
  kvm_sregs sregs = cpu.sregs();
  sregs.cr0 = 0x10;  // Extension type; protection and paging off.
  sregs.cr4 = 0;
  sregs.efer = 0;
  for (kvm_segment* segment : {&sregs.cs, &sregs.ds, &sregs.es, &sregs.ss}) {
    *segment = {};
    segment->limit = 0xffff;
    segment->type = 3;
    segment->s = 1;
    segment->present = 1;
  }
  sregs.cs.base = 0xf'0000;
  sregs.cs.selector = 0xf000;
  sregs.cs.type = 0xb;
  cpu.set_sregs(sregs);
  kvm_regs regs{};
  regs.rip = 0xfff0;
  regs.rflags = 2;
  cpu.set_regs(regs);

  for (int turn = 0; turn < 100 && machine.accesses().empty(); ++turn) {
    machine.run(std::chrono::milliseconds(100));
  }
  ASSERT_FALSE(machine.accesses().empty());
  const MicroMachine::Access& access = machine.accesses().front();
  EXPECT_EQ(access.reason, kvm::ExitReason::kPortWrite);
  EXPECT_EQ(access.address, memory::layout::kResetPort);
  EXPECT_EQ(access.data, std::vector{std::byte{memory::layout::kResetValue}});
}

}  // namespace
}  // namespace hive::test
