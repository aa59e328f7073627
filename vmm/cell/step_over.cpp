#include "vmm/cell/step_over.h"

#include <sched.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace hive::cell {
namespace {

using kvm::ExitReason;
using std::chrono::milliseconds;

// A vCPU that does not leave the guest for longer waits for a home that hangs.
constexpr milliseconds kKickLimit{50};
constexpr milliseconds kOthersLimit{1000};

}  // namespace

std::optional<Report> StepOver::perform(kvm::Vcpu& vcpu, const Owner& owner) {
  if (!gate_.begin_alone()) return std::nullopt;
  try {
    if (await_others()) step(vcpu, owner);
  } catch (...) {
    gate_.end_alone();
    throw;
  }
  const bool late = pending() && !gate_.wanted();
  gate_.end_alone();
  if (late) std::this_thread::sleep_for(kPause);
  return std::exchange(end_, std::nullopt);
}

bool StepOver::await_others() {
  if (gate_.await_others(kKickLimit)) return true;
  denials_.stop_all();
  const bool outside = gate_.await_others(kOthersLimit);
  denials_.let_go_on();
  return outside;
}

void StepOver::step(kvm::Vcpu& vcpu, const Owner& owner) {
  for (const std::uint64_t page : pages_) (void)access_.stand_ins.put(page);
  {
    SingleStep single(vcpu, access_.memory);
    instruction_ = single.start();
    Next next = turn(vcpu, owner, single);
    bool to_do = next == Next::kLater;
    for (unsigned turns = 1; next == Next::kPast && turns < kMaxTurns; ++turns) {
      if (end_ || gate_.wanted() || vcpu.regs().rip != instruction_) break;
      next = turn(vcpu, owner, single);
    }
    single.end();
    to_do = to_do && vcpu.regs().rip == instruction_;
    if (!to_do) pages_.clear();
  }
  access_.stand_ins.remove_all();
}

StepOver::Next StepOver::turn(kvm::Vcpu& vcpu, const Owner& owner, SingleStep& single) {
  deadline_ = Denials::Clock::now() + kStepLimit;
  denials_.limit({0, window_.size()}, kStepLimit);
  Next next = Next::kAgain;
  while (next == Next::kAgain) {
    mark_ = denials_.now();
    const kvm::Exit exit = vcpu.run();
    next = single.ended_by(exit) ? Next::kPast : serve(vcpu, owner, exit);
  }
  denials_.end_limit();
  return next;
}

StepOver::Next StepOver::serve(kvm::Vcpu& vcpu, const Owner& owner, const kvm::Exit& exit) {
  switch (exit.reason) {
    case ExitReason::kInterrupted:
      // Before the question about the gate: who wants it kicks afterwards.
      vcpu.accept_kick();
      denials_.excuse();
      return hurried() ? Next::kLater : Next::kAgain;
    case ExitReason::kRefused:
    case ExitReason::kFailed:
      return refused(vcpu, owner, exit);
    default:
      end_ = owner.serve(exit);
      if (end_) return Next::kPast;
      return hurried() ? Next::kLater : Next::kAgain;
  }
}

StepOver::Next StepOver::refused(kvm::Vcpu& vcpu, const Owner& owner, const kvm::Exit& exit) {
  if (const auto page = owner.denied()) return put(*page, vcpu.regs().rip);
  if (hurried()) return Next::kLater;
  if (exit.reason == ExitReason::kFailed && !denials_.disturbed_since(mark_)) {
    end_ = owner.serve(exit);
    return Next::kPast;
  }
  ::sched_yield();  // Another thread's write there is being stopped.
  return Next::kAgain;
}

StepOver::Next StepOver::put(std::uint64_t page, std::uint64_t rip) {
  if (rip != instruction_) {  // An exception's handler has got here: another step.
    pages_ = {page};
    instruction_ = rip;
    return Next::kLater;
  }
  if (std::find(pages_.begin(), pages_.end(), page) != pages_.end()) return Next::kAgain;
  add(page);
  return access_.stand_ins.put(page) ? Next::kAgain : Next::kFull;
}

}  // namespace hive::cell
