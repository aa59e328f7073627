#include "vmm/cell/foreign_writes.h"

#include <sched.h>

#include <optional>
#include <utility>

#include "vmm/base/units.h"

namespace hive::cell {

using kvm::ExitReason;

ForeignWrites::ForeignWrites(const GlobalAccess& access, Denials::Kick kick) : access_(access) {
  access_.denials.enrol(std::move(kick));
}

ForeignWrites::~ForeignWrites() { access_.denials.leave(); }

std::optional<std::uint64_t> ForeignWrites::target_of(const kvm::Exit& exit) const {
  if (exit.reason != ExitReason::kMemoryWrite) return std::nullopt;
  for (const Range& place : access_.places) {
    if (place.contains(exit.address)) return exit.address - place.start;
  }
  return std::nullopt;
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
  if (exit.reason == ExitReason::kFailed) return Handled::kNotOurs;
  ::sched_yield();  // Another thread's write there is being stopped.
  return Handled::kGoOn;
}

ForeignWrites::Handled ForeignWrites::store(kvm::Vcpu& vcpu, unsigned index,
                                            const kvm::Exit& first) {
  // All parts are taken before any is written, so that registers are those after the instruction.
  std::vector<Part> parts;
  kvm::Exit exit = first;
  while (const auto offset = target_of(exit)) {
    parts.push_back({*offset, {exit.data.begin(), exit.data.end()}});
    exit = vcpu.finish_access();
  }
  const std::uint64_t rip = vcpu.regs().rip;
  for (const Part& part : parts) {
    if (const auto denied = write(index, rip, part)) return answer(vcpu, index, *denied, rip);
  }
  return Handled::kGoOn;
}

std::optional<std::uint64_t> ForeignWrites::write(unsigned index, std::uint64_t rip,
                                                  const Part& part) {
  for (;;) {
    if (const auto denied = access_.denials.claim(static_cast<std::int32_t>(index), rip))
      return denied;
    if (bounce_.write(access_.window.base() + part.offset, part.data)) return std::nullopt;
    ::sched_yield();
  }
}

ForeignWrites::Handled ForeignWrites::answer(kvm::Vcpu& vcpu, unsigned index, std::uint64_t offset,
                                             std::uint64_t rip) {
  const auto home = static_cast<unsigned>(access_.window.home_of(offset));
  access_.on_violation(
      {home, offset - access_.window.contributions()[home].start, static_cast<int>(index), rip});
  if (access_.policy == OnViolation::kStop) return Handled::kStop;
  vcpu.raise_general_protection();
  return Handled::kGoOn;
}

}  // namespace hive::cell
