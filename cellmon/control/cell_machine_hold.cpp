// Pauses that clients ask for, and suspensions while monitors agree.
#include <utility>

#include "cellmon/control/cell_machine.h"

namespace hive::control {

bool CellMachine::refuse_unless_up(const char* what) {
  if (vmm_ == Vmm::kUp && !outcome_ && intent_ == Intent::kRun) return false;
  refusal_ = "a cell that is " + std::string(to_string(state())) + " cannot be " + what;
  return true;
}

void CellMachine::ask_hold(Step& step, bool hold) {
  hold_wanted_ = hold;
  hold_fault_.clear();
  step.actions.push_back(hold ? Action::kPauseVmm : Action::kResumeVmm);
  arm(step, kHoldLimit);
}

void CellMachine::settle_hold(Step& step, bool held) {
  paused_ = held;
  held_ = held && (hold_wanted_ || held_);
  if (held && hold_wanted_) resume_asked_ = false;  // The pause came after it.
  if (intent_ != Intent::kRun || held != hold_wanted_) return;
  hold_fault_.clear();
  step.actions.push_back(Action::kDisarmDeadline);
}

void CellMachine::give_up_pause(Step& step, const std::string& why) {
  if (suspended_) {  // There is no vote without it.
    add_guest_event(step, {"not-paused", why});
    return ask_suspension(step);
  }
  if (intent_ != Intent::kRun || !hold_wanted_) return;
  hold_fault_ = "the cell was not paused: " + why;
  step.events.push_back({"not-paused", why});
  step.actions.push_back(Action::kDisarmDeadline);
}

void CellMachine::miss_hold(Step& step) {
  hold_fault_ = std::string("the VMM has not ") + (hold_wanted_ ? "paused" : "resumed") +
                " the cell within " + std::to_string(kHoldLimit.count() / 1000) + " s";
  step.events.push_back({"no-answer", hold_fault_});
}

Step CellMachine::request_pause() {
  return apply([&](Step& step) {
    const bool under_way = pause_asked_ && hold_wanted_ && hold_fault_.empty();
    if (refuse_unless_up("paused") || under_way || (held_ && !resume_asked_ && hold_wanted_))
      return;
    if (suspended_ && paused_ && !resume_asked_) {
      hold_wanted_ = held_ = true;
      hold_fault_.clear();
      step.actions.push_back(Action::kDisarmDeadline);
      return;
    }
    pause_asked_ = true;
    ask_hold(step, true);
  });
}

Step CellMachine::request_resume() {
  return apply([&](Step& step) {
    const bool under_way = resume_asked_ && hold_fault_.empty();
    const bool pausing = pause_asked_ && hold_wanted_;
    if (refuse_unless_up("resumed") || under_way || (!held_ && !pausing)) return;
    if (suspended_) {  // The VMM is asked, and has its time, from the end of that.
      hold_wanted_ = false;
      hold_fault_ = held_ ? "" : "the cell was not paused: it was resumed meanwhile";
      step.actions.push_back(Action::kDisarmDeadline);
      return;
    }
    resume_asked_ = true;
    ask_hold(step, false);
  });
}

void CellMachine::ask_suspension(Step& step) {
  if (vmm_ != Vmm::kUp || outcome_) return;
  // What is under way is waited for: a VMM does not answer each of several in a row.
  if (paused_ || pause_asked_ || resume_asked_) return;
  pause_asked_ = true;
  step.actions.push_back(Action::kPauseVmm);
}

Step CellMachine::suspend() {
  return apply([&](Step& step) {
    suspended_ = true;
    ask_suspension(step);
  });
}

Step CellMachine::end_suspension() {
  return apply([&](Step& step) {
    if (!std::exchange(suspended_, false) || vmm_ != Vmm::kUp || outcome_) return;
    const bool stays = hold_wanted_ && intent_ == Intent::kRun;
    if (stays || resume_asked_ || (!paused_ && !pause_asked_)) return;
    resume_asked_ = true;
    if (held_ && intent_ == Intent::kRun) arm(step, kHoldLimit);  // A client waits for it.
    step.actions.push_back(Action::kResumeVmm);
  });
}

}  // namespace hive::control
