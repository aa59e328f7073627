#include "vmm/cell/vcpu_setup.h"

#include <array>

#include "vmm/kvm/cpuid.h"

namespace hive::cell {
namespace {

// Intel SDM vol. 4, table 2-2.
constexpr std::uint32_t kMiscEnable = 0x1a0, kMtrrDefaultType = 0x2ff;
constexpr std::uint64_t kFastStrings = 1, kMtrrEnable = 1U << 11, kWriteBack = 6;

kvm_segment to_kvm(const boot::Segment& segment) {
  kvm_segment out{};
  out.base = segment.base;
  out.limit = segment.limit;
  out.selector = segment.selector;
  out.type = segment.type;
  out.present = segment.present;
  out.dpl = segment.dpl;
  out.db = segment.big;
  out.s = segment.code_or_data;
  out.l = segment.long_mode;
  out.g = segment.granular;
  return out;
}

kvm_dtable to_kvm(const boot::DescriptorTable& table) {
  kvm_dtable out{};
  out.base = table.base;
  out.limit = table.limit;
  return out;
}

}  // namespace

void set_up_cpu(const kvm::Kvm& kvm, const kvm::MachineChecks& checks, kvm::Vcpu& vcpu,
                std::uint32_t index, std::uint32_t vcpus) {
  const bool deadline_timer = kvm.extension(KVM_CAP_TSC_DEADLINE_TIMER) > 0;
  vcpu.set_cpuid(kvm::shape_cpuid(kvm.supported_cpuid(), index, vcpus, deadline_timer));
  // What firmware leaves behind: fast string operations on, all memory write-back by default.
  const std::array<kvm_msr_entry, 2> msrs{
      {{kMiscEnable, 0, kFastStrings}, {kMtrrDefaultType, 0, kMtrrEnable | kWriteBack}}};
  vcpu.set_msrs(msrs);
  if (checks.capability != 0) vcpu.set_up_machine_checks(checks.capability);
  vcpu.set_local_interrupts();
}

void enter_at(kvm::Vcpu& vcpu, const boot::BootState& state) {
  kvm_sregs sregs = vcpu.sregs();
  sregs.cs = to_kvm(state.code);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = to_kvm(state.data);
  sregs.tr = to_kvm(state.task);
  sregs.gdt = to_kvm(state.gdt);
  sregs.idt = to_kvm(state.idt);
  sregs.cr0 = state.cr0;
  sregs.cr3 = state.cr3;
  sregs.cr4 = state.cr4;
  sregs.efer = state.efer;
  vcpu.set_sregs(sregs);

  kvm_regs regs{};
  regs.rip = state.rip;
  regs.rbx = state.rbx;
  regs.rsi = state.rsi;
  regs.rflags = state.rflags;
  vcpu.set_regs(regs);
}

}  // namespace hive::cell
