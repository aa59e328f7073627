#include "vmm/cell/single_step.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

#include "vmm/base/units.h"
#include "vmm/kvm/long_mode.h"

namespace hive::cell {
namespace {

constexpr std::uint64_t kTrapFlag = 1U << 8;
constexpr std::uint64_t kStepTrap = 1U << 14;  // BS of DR6.
constexpr std::uint8_t kDebug = 1;
constexpr std::size_t kGateSize = 16;
/// A port of no device, neither ours nor KVM's.
constexpr std::uint8_t kPort = 0xe8;
constexpr std::array kStoreToPort{std::byte{0xe6}, std::byte{kPort}};  // OUT imm8, AL.

/// General protection and page fault: what an instruction that got as far as its write may still
/// run into, in its second page or its next turn.
constexpr std::array<std::uint8_t, 2> kLateExceptions{13, 14};

/// What is about to be delivered, where something is.
std::optional<std::uint8_t> vector_under_way(const kvm_vcpu_events& events) {
  constexpr std::uint8_t kNmi = 2;
  if (events.exception.injected != 0) return events.exception.nr;
  if (events.nmi.injected != 0) return kNmi;
  if (events.interrupt.injected != 0 && events.interrupt.soft == 0) return events.interrupt.nr;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> handler_in(std::span<const std::byte, 16> gate) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::memcpy(&low, gate.data(), sizeof low);
  std::memcpy(&high, gate.data() + sizeof low, sizeof high);
  constexpr std::uint64_t kPresent = 1ULL << 47;
  if ((low & kPresent) == 0) return std::nullopt;
  return (low & 0xffff) | (low >> 32 & 0xffff'0000) | high << 32;
}

bool pushes_error_code(std::uint8_t vector) {
  constexpr std::uint32_t kVectors = 1U << 8 | 0x1fU << 10 | 1U << 17 | 1U << 21 | 3U << 29;
  return vector < 32 && (kVectors >> vector & 1) != 0;
}

SingleStep::SingleStep(kvm::Vcpu& vcpu, const memory::GuestMemory& memory)
    : vcpu_(vcpu), memory_(memory) {
  const kvm_regs regs = vcpu.regs();
  start_ = regs.rip;
  guest_steps_ = (regs.rflags & kTrapFlag) != 0;
  const kvm_sregs sregs = vcpu.sregs();
  if (kvm::is_in_long_mode(sregs)) {
    if (const auto vector = vector_under_way(vcpu.events())) watch(*vector, sregs);
    for (const std::uint8_t vector : kLateExceptions) watch(vector, sregs);
  }
  kvm_guest_debug debug{};
  debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
  vcpu.set_guest_debug(debug);
}

SingleStep::~SingleStep() {
  try {
    end();
  } catch (const std::exception&) {
    // KVM refuses only a vCPU that cannot run either.
  }
}

void SingleStep::watch(std::uint8_t vector, const kvm_sregs& sregs) {
  const std::uint64_t entry = std::uint64_t{vector} * kGateSize;
  if (entry + kGateSize - 1 > sregs.idt.limit) return;
  std::array<std::byte, kGateSize> gate{};
  if (!copy_linear(sregs.idt.base + entry, gate)) return;
  const auto handler = handler_in(gate);
  // A store across two pages would need both of their places.
  if (!handler || (*handler + 1) % kPageSize == 0) return;
  const auto place = vcpu_.translate(*handler);
  const auto replaced = place ? memory_.load<Code>(*place) : std::nullopt;
  if (!replaced) return;
  watched_.push_back({vector, *handler, *place, *replaced});
  (void)memory_.store(*place, kStoreToPort);
}

void SingleStep::unwatch() {
  // Backwards: vectors may have a handler in common, whose code the first one knows.
  for (auto each = watched_.rbegin(); each != watched_.rend(); ++each) {
    (void)memory_.store(each->place, each->replaced);
  }
}

bool SingleStep::copy_linear(std::uint64_t address, std::span<std::byte> out) const {
  while (!out.empty()) {
    const auto place = vcpu_.translate(address);
    const std::size_t count =
        std::min<std::size_t>(out.size(), kPageSize - (address & (kPageSize - 1)));
    if (!place || !memory_.read(*place, out.first(count))) return false;
    address += count;
    out = out.subspan(count);
  }
  return true;
}

void SingleStep::clean_frame(std::uint8_t vector, std::uint64_t stack) {
  const std::uint64_t place = stack + (pushes_error_code(vector) ? 24 : 16);
  // An aligned word does not cross pages.
  const auto at = vcpu_.translate(place);
  if (!at) return;
  const auto flags = memory_.load<std::uint64_t>(*at);
  if (flags) (void)memory_.store(*at, *flags & ~kTrapFlag);
}

bool SingleStep::ended_by(const kvm::Exit& exit) {
  if (exit.reason == kvm::ExitReason::kStepped) {
    stepped_ = true;
    return true;
  }
  if (exit.reason != kvm::ExitReason::kPortWrite || exit.address != kPort) return false;
  // KVM may leave the guest before the store or after it.
  const std::uint64_t rip = vcpu_.regs().rip;
  const auto entered = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& each) {
    return rip == each.handler || rip == each.handler + kStoreToPort.size();
  });
  if (entered == watched_.end()) return false;
  stop_in(*entered);
  return true;
}

void SingleStep::stop_in(const Watched& each) {
  in_handler_ = true;
  (void)vcpu_.finish_access();
  kvm_regs regs = vcpu_.regs();
  regs.rip = each.handler;
  vcpu_.set_regs(regs);
  if (!guest_steps_) clean_frame(each.vector, regs.rsp);
}

void SingleStep::end() {
  if (ended_) return;
  ended_ = true;
  unwatch();
  vcpu_.set_guest_debug({});
  // KVM has taken the guest's own flag out with its own. Handlers start without.
  if (guest_steps_ && !in_handler_) give_back_trap();
}

void SingleStep::give_back_trap() {
  kvm_regs regs = vcpu_.regs();
  regs.rflags |= kTrapFlag;
  vcpu_.set_regs(regs);
  if (!stepped_) return;
  kvm_debugregs registers = vcpu_.debug_registers();
  registers.dr6 |= kStepTrap;
  vcpu_.set_debug_registers(registers);
  kvm_vcpu_events events = vcpu_.events();
  events.exception.injected = 1;
  events.exception.nr = kDebug;
  events.exception.has_error_code = 0;
  vcpu_.set_events(events);
}

}  // namespace hive::cell
