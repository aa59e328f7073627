#include "vmm/cell/fault_injector.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/cell/memory_fault.h"
#include "vmm/cell/spin.h"
#include "vmm/kvm/long_mode.h"

namespace hive::cell {
namespace {

constexpr std::uint64_t kInterruptFlag = 1U << 9;  // Of RFLAGS: Intel SDM vol. 1, 3.4.3.

std::string list(const std::vector<unsigned>& vcpus) {
  std::string text = vcpus.size() == 1 ? "vCPU" : "vCPUs";
  for (const unsigned vcpu : vcpus) {
    text += fmt::format("{} {}", vcpu == vcpus.front() ? "" : ",", vcpu);
  }
  return text;
}

}  // namespace

std::string FaultInjector::perform(const GuestFault& fault) {
  switch (fault.kind) {
    case GuestFaultKind::kVcpuStop:
      return stop(fault);
    case GuestFaultKind::kTripleFault:
      return triple_fault(choose(fault, false).front());
    case GuestFaultKind::kNmi:
      return raise_nmi(choose(fault, false).front());
    case GuestFaultKind::kHang:
      return hang(choose(fault, true));
    case GuestFaultKind::kCorrupt:
      return corrupt_memory(fault);
    case GuestFaultKind::kPageFail:
      return fail_pages(fault);
    case GuestFaultKind::kDiskError:
    case GuestFaultKind::kDiskDelay:
    case GuestFaultKind::kDiskTorn:
    case GuestFaultKind::kInterruptLoss:
      return devices_.perform(fault);
  }
  throw Error("the VMM has no such fault");
}

std::vector<unsigned> FaultInjector::choose(const GuestFault& fault, bool all) const {
  const auto is_started = [this](unsigned vcpu) { return vcpus_[vcpu]->vcpu().is_started(); };
  if (!all || fault.vcpu) {
    const unsigned vcpu = fault.vcpu.value_or(0);
    if (vcpu >= vcpus_.size()) {
      throw Error(
          fmt::format("there is no vCPU {}: the cell has {}, from 0 on", vcpu, vcpus_.size()));
    }
    if (!is_started(vcpu)) throw Error(fmt::format("the guest has not started vCPU {}", vcpu));
    return {vcpu};
  }
  std::vector<unsigned> chosen;
  for (unsigned vcpu = 0; vcpu < vcpus_.size(); ++vcpu) {
    if (is_started(vcpu)) chosen.push_back(vcpu);
  }
  if (chosen.empty()) throw Error("no vCPU is started");
  return chosen;
}

std::string FaultInjector::stop(const GuestFault& fault) {
  const std::vector<unsigned> chosen = choose(fault, true);
  while (ends_.size() < vcpus_.size()) ends_.emplace_back(loop_);
  for (const unsigned vcpu : chosen) {
    vcpus_[vcpu]->keep_out(true);
    ends_[vcpu].cancel();  // Of an earlier one: the last word counts.
    if (!fault.duration) continue;
    ends_[vcpu].expires_after(*fault.duration);
    ends_[vcpu].async_wait([this, vcpu](const boost::system::error_code& error) {
      if (!error) vcpus_[vcpu]->keep_out(false);
    });
  }
  return list(chosen) + " stopped";
}

std::string FaultInjector::triple_fault(unsigned vcpu) {
  kvm::Vcpu& target = vcpus_[vcpu]->vcpu();
  kvm_sregs sregs = target.sregs();
  sregs.idt.limit = 0;
  target.set_sregs(sregs);
  target.wake();
  target.raise_invalid_opcode();
  return fmt::format("vCPU {} has an exception and no handler", vcpu);
}

std::string FaultInjector::raise_nmi(unsigned vcpu) {
  vcpus_[vcpu]->vcpu().raise_nmi();
  return fmt::format("vCPU {} has an NMI", vcpu);
}

std::string FaultInjector::corrupt_memory(const GuestFault& fault) {
  const unsigned vcpu = choose(fault, false).front();
  const std::string done = corrupt(memory_, vcpus_[vcpu]->vcpu(), vcpu, fault.corruption.value());
  // KVM, and the CPU, may have cached what the guest's page tables said before.
  if (fault.corruption->place == CorruptionPlace::kPageTable) vm_.renew_memory();
  return done;
}

std::string FaultInjector::fail_pages(const GuestFault& fault) {
  const std::string done = pages_.perform(fault.corruption.value(), choose(fault, false).front());
  if (fault.corruption->place == CorruptionPlace::kPageTable) vm_.renew_memory();
  return done;
}

FaultInjector::Spot FaultInjector::find_spot(unsigned vcpu) const {
  const kvm::Vcpu& target = vcpus_[vcpu]->vcpu();
  Spot spot{0, {}, target.regs(), target.sregs()};
  const auto unmapped = [vcpu](std::uint64_t address) {
    return Error(fmt::format("vCPU {} has no RAM of the guest's at {:#x}", vcpu, address));
  };
  spot.virtual_address = spot.sregs.cs.base + spot.regs.rip;
  if (spot.sregs.ss.dpl == 3) {  // The CPL: Intel SDM vol. 3C, 25.4.1.
    constexpr std::uint64_t kNmiGate = 2 * 16;
    const bool is_long = kvm::is_in_long_mode(spot.sregs);
    const auto place = target.translate(spot.sregs.idt.base + kNmiGate);
    const auto gate = place ? memory_.load<std::array<std::byte, 16>>(*place) : std::nullopt;
    const auto handler = gate && is_long ? decode_gate(*gate) : std::nullopt;
    if (!handler) {
      throw Error(fmt::format("vCPU {} runs a program, and its kernel is not found", vcpu));
    }
    enter_kernel(spot.sregs, handler->selector);
    spot.virtual_address = handler->address;
  }
  const std::uint64_t page = align_down(spot.virtual_address, kPageSize);
  const auto place = target.translate(page);
  const auto code = place ? memory_.load<std::array<std::byte, kPageSize>>(*place) : std::nullopt;
  if (!code) throw unmapped(page);
  const auto padding = find_padding(*code);
  // Where nothing else is in the page, the instruction itself goes; it may not be in two pages.
  const std::uint64_t at = padding ? *padding : spot.virtual_address - page;
  if (at + sizeof(kSpin) > kPageSize) throw unmapped(page + kPageSize);
  spot.virtual_address = page + at;
  spot.place = {place->value + at};
  return spot;
}

std::string FaultInjector::hang(const std::vector<unsigned>& vcpus) {
  std::vector<Spot> spots;
  for (const unsigned vcpu : vcpus) spots.push_back(find_spot(vcpu));
  std::string where;
  for (std::size_t index = 0; index < vcpus.size(); ++index) {
    Spot& spot = spots[index];
    kvm::Vcpu& target = vcpus_[vcpus[index]]->vcpu();
    (void)memory_.store(spot.place, kSpin);  // It was read there.
    spot.regs.rflags &= ~kInterruptFlag;
    spot.regs.rip = spot.virtual_address - spot.sregs.cs.base;
    target.set_sregs(spot.sregs);
    target.set_regs(spot.regs);
    target.wake();
    if (index < 4) where += fmt::format("{} {:#x}", index == 0 ? "" : ",", spot.virtual_address);
  }
  return list(vcpus) + " hang, with interrupts off, at" + where;
}

}  // namespace hive::cell
