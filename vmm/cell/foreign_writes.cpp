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
  return {home, offset - contribution.start, vcpu, rip, window.is_closed({offset, 1})};
}

Violation violation_of_closed(int vcpu, std::uint64_t rip) { return {-1, 0, vcpu, rip, true}; }

ForeignWrites::ForeignWrites(const GlobalAccess& access, VcpuGate& gate, Denials::Kick kick,
                             Serve serve)
    : access_(access), gate_(gate), kick_(std::move(kick)), serve_(std::move(serve)) {
  if (access.drop != nullptr) {
    step_.emplace(*access.drop, access.window, access.denials, gate);
  }
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
  if (const auto denied = claim(index, rip)) return answer(vcpu, index, *denied, rip);
  const bool disturbed = !gate_.open_now() || access_.denials.disturbed_since(mark_);
  const bool at_page = exit.reason == ExitReason::kRefused || vcpu.met_its_limits();
  if (!disturbed && at_page && access_.window.closed() != 0) {
    return answer_closed(vcpu, index, rip);
  }
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
  return write_parts(vcpu, index);
}

ForeignWrites::Handled ForeignWrites::finish(kvm::Vcpu& vcpu, unsigned index) {
  if (!parts_.empty()) return write_parts(vcpu, index);
  return drop(vcpu, index);
}

bool ForeignWrites::may_wait() { return alone_ ? !step_->hurried() : gate_.open_now(); }

ForeignWrites::Handled ForeignWrites::write_parts(kvm::Vcpu& vcpu, unsigned index) {
  const std::uint64_t rip = vcpu.regs().rip;
  while (!parts_.empty()) {
    const Part& part = parts_.front();
    auto denied = access_.denials.claim(static_cast<std::int32_t>(index), rip);
    // There no write succeeds, and nobody answers for it.
    const bool nobody = access_.window.home_of(part.offset) < 0 ||
                        access_.window.is_closed({part.offset, part.data.size()});
    if (!denied && nobody) denied = part.offset;
    if (denied && access_.policy == OnViolation::kIgnore) {
      report(index, *denied, rip);
      parts_.erase(parts_.begin());
      continue;
    }
    if (denied) {
      parts_.clear();
      return answer(vcpu, index, *denied, rip);
    }
    if (!may_wait()) break;
    if (bounce_.write(access_.window.base() + part.offset, part.data)) {
      parts_.erase(parts_.begin());
    } else {
      ::sched_yield();  // Perhaps another thread's write there is being stopped.
    }
  }
  return Handled::kGoOn;
}

std::optional<std::uint64_t> ForeignWrites::claim(unsigned index, std::uint64_t rip) {
  const auto vcpu = static_cast<std::int32_t>(index);
  const auto page = access_.denials.claim(vcpu, rip);
  return page ? page : access_.denials.claim_for_kernel(vcpu, rip);
}

void ForeignWrites::report(unsigned index, std::uint64_t offset, std::uint64_t rip) {
  access_.on_violation(violation_at(access_.window, offset, static_cast<int>(index), rip));
}

ForeignWrites::Handled ForeignWrites::answer(kvm::Vcpu& vcpu, unsigned index, std::uint64_t offset,
                                             std::uint64_t rip) {
  report(index, offset, rip);
  switch (access_.policy) {
    case OnViolation::kStop:
      return Handled::kStop;
    case OnViolation::kIgnore:
      step_->add(offset);
      return drop(vcpu, index);
    case OnViolation::kFault:
      break;
  }
  vcpu.raise_general_protection();
  return Handled::kGoOn;
}

// KVM does not say where the instruction writes, so that it cannot be stepped over either.
ForeignWrites::Handled ForeignWrites::answer_closed(kvm::Vcpu& vcpu, unsigned index,
                                                    std::uint64_t rip) {
  access_.on_violation(violation_of_closed(static_cast<int>(index), rip));
  if (access_.policy == OnViolation::kStop) return Handled::kStop;
  vcpu.raise_general_protection();
  return Handled::kGoOn;
}

ForeignWrites::Handled ForeignWrites::drop(kvm::Vcpu& vcpu, unsigned index) {
  alone_ = true;
  end_ = step_->perform(vcpu, step_owner(vcpu, index));
  alone_ = false;
  return end_ ? Handled::kEnded : Handled::kGoOn;
}

StepOver::Owner ForeignWrites::step_owner(kvm::Vcpu& vcpu, unsigned index) {
  const auto denied = [this, &vcpu, index]() -> std::optional<std::uint64_t> {
    const std::uint64_t rip = vcpu.regs().rip;
    const auto page = claim(index, rip);
    if (page) report(index, *page, rip);
    return page;
  };
  const auto serve = [this, &vcpu, index](const kvm::Exit& exit) -> std::optional<Report> {
    if (!target_of(exit)) return serve_(exit);
    (void)store(vcpu, index, exit);
    return std::nullopt;
  };
  return {denied, serve};
}

}  // namespace hive::cell
