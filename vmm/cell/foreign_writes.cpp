#include "vmm/cell/foreign_writes.h"

#include <sched.h>

#include <optional>
#include <utility>

#include "vmm/base/units.h"

namespace hive::cell {

using kvm::ExitReason;

Violation violation_at(const memory::GlobalWindow& window, std::uint64_t offset, int vcpu,
                       std::uint64_t rip) {
  const int home = window.home_of(offset);
  if (home < 0) return {home, offset, vcpu, rip};
  const Range& contribution = window.contributions()[static_cast<unsigned>(home)];
  return {home, offset - contribution.start, vcpu, rip};
}

ForeignWrites::ForeignWrites(const GlobalAccess& access, const VcpuGate& gate, Denials::Kick kick)
    : access_(access), gate_(gate), kick_(std::move(kick)) {
  resume();
}

ForeignWrites::~ForeignWrites() { suspend(); }

void ForeignWrites::suspend() { access_.denials.leave(); }

void ForeignWrites::resume() { access_.denials.enrol(kick_); }

std::optional<std::uint64_t> ForeignWrites::target_of(const kvm::Exit& exit) const {
  if (exit.reason != ExitReason::kMemoryWrite) return std::nullopt;
  return access_.places.offset_of({exit.address}, exit.data.size());
}

ForeignWrites::Handled ForeignWrites::handle(kvm::Vcpu& vcpu, unsigned index,
                                             const kvm::Exit& exit) {
  // A KVM that interprets guests' instructions shows a write that it may not make as one to a
  // device, when it is past the instruction, or where it cannot split it, as an internal error.
  if (target_of(exit)) return store(vcpu, index, exit);
  if (exit.reason == ExitReason::kInterrupted) access_.denials.excuse();
  if (exit.reason != ExitReason::kRefused && exit.reason != ExitReason::kFailed) {
    return Handled::kNotOurs;
  }
  const std::uint64_t rip = vcpu.regs().rip;
  if (const auto denied = access_.denials.claim(static_cast<std::int32_t>(index), rip)) {
    return answer(vcpu, index, *denied, rip);
  }
  const bool disturbed = !gate_.open_now() || access_.denials.disturbing();
  if (exit.reason == ExitReason::kFailed && !disturbed) return Handled::kNotOurs;
  ::sched_yield();  // Another thread's write there is being stopped.
  return Handled::kGoOn;
}

ForeignWrites::Handled ForeignWrites::store(kvm::Vcpu& vcpu, unsigned index,
                                            const kvm::Exit& first) {
  // All parts are taken before any is written, so that registers are those after the instruction.
  kvm::Exit exit = first;
  while (const auto offset = target_of(exit)) {
    parts_.push_back({*offset, {exit.data.begin(), exit.data.end()}});
    exit = vcpu.finish_access();
  }
  return finish(vcpu, index);
}

ForeignWrites::Handled ForeignWrites::finish(kvm::Vcpu& vcpu, unsigned index) {
  const std::uint64_t rip = vcpu.regs().rip;
  while (!parts_.empty()) {
    const Part& part = parts_.front();
    auto denied = access_.denials.claim(static_cast<std::int32_t>(index), rip);
    // There no write succeeds, and nobody answers for it.
    if (!denied && access_.window.home_of(part.offset) < 0) denied = part.offset;
    if (denied) {
      parts_.clear();
      return answer(vcpu, index, *denied, rip);
    }
    if (!gate_.open_now()) break;
    if (bounce_.write(access_.window.base() + part.offset, part.data)) {
      parts_.erase(parts_.begin());
    } else {
      ::sched_yield();  // Perhaps another thread's write there is being stopped.
    }
  }
  return Handled::kGoOn;
}

ForeignWrites::Handled ForeignWrites::answer(kvm::Vcpu& vcpu, unsigned index, std::uint64_t offset,
                                             std::uint64_t rip) {
  access_.on_violation(violation_at(access_.window, offset, static_cast<int>(index), rip));
  if (access_.policy == OnViolation::kStop) return Handled::kStop;
  vcpu.raise_general_protection();
  return Handled::kGoOn;
}

}  // namespace hive::cell
