#include "cellmon/control/cell_machine.h"

#include <algorithm>
#include <utility>

namespace hive::control {
namespace {

using agree::Evidence;
using cell::Report;
using cell::ReportKind;

}  // namespace

Step CellMachine::apply(const std::function<void(Step&)>& change) {
  Step step;
  const CellState before = state();
  refusal_.clear();
  change(step);
  // A start is an event of its own, with its incarnation.
  if (state() != before && state() != CellState::kStarting) {
    step.events.push_back({std::string(to_string(state())), cause()});
  }
  return step;
}

CellState CellMachine::state() const {
  if (finished_) return CellState::kStopped;
  if (intent_ == Intent::kStop) return CellState::kStopping;
  if (intent_ == Intent::kReboot) return CellState::kRebooting;
  if (outcome_) {
    if (vmm_ == Vmm::kNone || outcome_->state == CellState::kRebooting) return outcome_->state;
    return CellState::kStopping;
  }
  if (vmm_ != Vmm::kUp) return CellState::kStarting;
  if (held_) return CellState::kPaused;
  return guest_up_ ? CellState::kRunning : CellState::kBooting;
}

std::string CellMachine::cause() const {
  const bool shown = state() == CellState::kFailed || state() == CellState::kPanicked;
  return shown && outcome_ ? outcome_->cause : std::string();
}

Step CellMachine::start() {
  return apply([&](Step& step) { begin(step); });
}

void CellMachine::begin(Step& step) {
  vmm_ = Vmm::kStarting;
  start_waits_ = false;
  intent_ = Intent::kRun;
  outcome_.reset();
  hang_ = agree::EvidenceSet();
  has_started_ = guest_up_ = agent_up_ = killed_ = reboots_failed_ = false;
  paused_ = held_ = pause_asked_ = resume_asked_ = hold_wanted_ = false;
  dumping_ = still_ = false;
  hold_fault_.clear();
  guest_events_ = 0;
  ++incarnation_;
  step.events.push_back({"starting", "incarnation " + std::to_string(incarnation_)});
  arm(step, kStartLimit);
  step.actions.push_back(Action::kStartVmm);
}

void CellMachine::arm(Step& step, Milliseconds limit) {
  deadline_ = limit;
  step.actions.push_back(Action::kArmDeadline);
}

bool CellMachine::has_failed() const { return outcome_ ? !outcome_->evidence.empty() : !killed_; }

void CellMachine::kill(Step& step) {
  killed_ = true;
  step.actions.push_back(Action::kDisarmDeadline);
  step.actions.push_back(Action::kKillVmm);
}

Step CellMachine::on_report(const Report& report) {
  return apply([&](Step& step) {
    if (vmm_ == Vmm::kNone || outcome_) {
      if (!take_dump_report(step, report)) ++ignored_reports_;
      return;
    }
    switch (report.kind) {
      case ReportKind::kOff:
        return take_outcome(step, {CellState::kOff, {}, {}});
      case ReportKind::kReset:
        return take_outcome(step, {CellState::kRebooting, {}, {}});
      case ReportKind::kTripleFault:
        return take_failure(step, {CellState::kFailed, "triple fault", Evidence::kTripleFault});
      case ReportKind::kFailed:
        return take_failure(step, {CellState::kFailed, report.detail, Evidence::kTripleFault});
      case ReportKind::kNotStarted:
        return take_outcome(
            step, {CellState::kFailed, "not started: " + report.detail, Evidence::kVmmExit});
      case ReportKind::kPanicked:
        if (!dumps_) step.actions.push_back(Action::kQuitVmm);  // The guest may still run.
        return take_failure(step, {CellState::kPanicked, report.detail, Evidence::kPanic});
      default:
        take_live_report(step, report);
    }
  });
}

void CellMachine::take_outcome(Step& step, Outcome outcome) {
  outcome_ = std::move(outcome);
  agent_up_ = false;
  arm(step, kExitLimit);
}

void CellMachine::add_guest_event(Step& step, EventText event) {
  if (guest_events_ >= kMaxGuestEvents) {
    ++ignored_reports_;
    return;
  }
  ++guest_events_;
  step.events.push_back(std::move(event));
}

void CellMachine::take_live_report(Step& step, const Report& report) {
  if (report.kind == ReportKind::kStarted && vmm_ == Vmm::kStarting) {
    vmm_ = Vmm::kUp;
    has_started_ = true;
    guest_up_ = guest_up_ || !has_agent_;
    if (intent_ == Intent::kRun) step.actions.push_back(Action::kDisarmDeadline);
    if (suspended_) ask_suspension(step);
  } else if (report.kind == ReportKind::kPaused && pause_asked_) {
    pause_asked_ = false;
    settle_hold(step, true);
  } else if (report.kind == ReportKind::kNotPaused && pause_asked_) {
    pause_asked_ = false;
    give_up_pause(step, report.detail);
  } else if (report.kind == ReportKind::kResumed && resume_asked_) {
    resume_asked_ = false;
    settle_hold(step, false);
    if (suspended_) ask_suspension(step);
  } else if (report.kind == ReportKind::kDeviceBroken) {
    add_guest_event(step, {"device-broken", report.detail});
  } else if (report.kind == ReportKind::kViolation) {
    add_guest_event(step, {"violation", report.detail});
  } else {
    ++ignored_reports_;
  }
}

Step CellMachine::on_spawn_failed(const std::string& why) {
  return apply([&](Step& step) {
    vmm_ = Vmm::kNone;
    outcome_ = Outcome{CellState::kFailed, "not started: " + why, Evidence::kVmmExit};
    step.actions.push_back(Action::kDisarmDeadline);
    if (intent_ == Intent::kReboot) intent_ = Intent::kRun;
  });
}

void CellMachine::begin_after_reset(Step& step, Milliseconds lived) {
  early_resets_ = lived < kEarlyReset ? early_resets_ + 1 : 0;
  if (early_resets_ < 2) return begin(step);
  constexpr unsigned kMostDoublings = 5;
  const unsigned doublings = std::min(early_resets_ - 2, kMostDoublings);
  const Milliseconds wait = std::min(kFirstWait * (1U << doublings), kLongestWait);
  start_waits_ = true;
  step.events.push_back({"restart-delayed", "the guest reset itself soon after its start, " +
                                                std::to_string(early_resets_) +
                                                " times in a row; it is started again in " +
                                                std::to_string(wait.count() / 1000) + " s"});
  arm(step, wait);
}

Step CellMachine::on_vmm_exit(const std::string& how, Milliseconds lived) {
  return apply([&](Step& step) {
    if (vmm_ == Vmm::kNone) return;
    vmm_ = Vmm::kNone;
    agent_up_ = still_ = false;
    end_dump(step, "the VMM ended: " + how);
    step.actions.push_back(Action::kDisarmDeadline);
    // What the others have to recover from first is no reboot.
    if (intent_ == Intent::kReboot && has_failed() && !reboots_failed_) intent_ = Intent::kRun;
    if (intent_ == Intent::kStop) {
      finished_ = true;
      step.actions.push_back(Action::kFinish);
    } else if (intent_ == Intent::kReboot) {
      begin(step);
    } else if (outcome_ && outcome_->state == CellState::kRebooting) {
      begin_after_reset(step, lived);
    } else if (!outcome_) {
      outcome_ = Outcome{CellState::kFailed, "VMM exited: " + how, Evidence::kVmmExit};
    }
  });
}

Step CellMachine::on_agent_up() {
  return apply([&](Step& step) {
    if (vmm_ == Vmm::kNone || outcome_) return;
    agent_up_ = true;
    guest_up_ = true;
    add_guest_event(step, {"agent-up", {}});
    if (intent_ != Intent::kRun) ask_guest(step);  // It had only the power button before.
  });
}

Step CellMachine::on_agent_lost(const std::string& why) {
  return apply([&](Step& step) {
    if (!agent_up_) return;
    agent_up_ = false;
    add_guest_event(step, {"agent-lost", why});
    // It may not have done what it was asked to: the power button is left.
    if (intent_ != Intent::kRun && !outcome_) ask_guest(step);
  });
}

Step CellMachine::on_deadline() {
  return apply([&](Step& step) {
    if (start_waits_) return begin(step);
    if (vmm_ == Vmm::kNone) return;
    const bool runs_on = !outcome_ && intent_ == Intent::kRun;
    if (runs_on && vmm_ == Vmm::kUp) return miss_hold(step);
    if (runs_on) {
      outcome_ = Outcome{CellState::kFailed, "not started: the VMM did not report in time",
                         Evidence::kVmmExit};
    } else if (!outcome_) {
      step.events.push_back({"killed", "the guest did not end in time"});
    }
    end_dump(step, "it took too long");
    kill(step);
  });
}

void CellMachine::ask_guest(Step& step) {
  const bool reboot = intent_ == Intent::kReboot && agent_up_;
  step.actions.push_back(reboot ? Action::kRebootGuest : Action::kShutDownGuest);
}

void CellMachine::end_guest(Step& step, Intent intent, Milliseconds grace) {
  intent_ = intent;
  // A guest that is held cannot end itself. One that is suspended goes on soon.
  if ((paused_ || pause_asked_) && !suspended_) {
    pause_asked_ = false;
    resume_asked_ = true;
    step.actions.push_back(Action::kResumeVmm);
  }
  ask_guest(step);
  arm(step, grace);
}

Step CellMachine::request_down(bool force, Milliseconds grace) {
  return apply([&](Step& step) {
    if (vmm_ == Vmm::kNone) {
      if (finished_) return;
      finished_ = true;
      if (std::exchange(start_waits_, false)) step.actions.push_back(Action::kDisarmDeadline);
      step.actions.push_back(Action::kFinish);
    } else if (force || (vmm_ == Vmm::kStarting && !outcome_)) {
      intent_ = Intent::kStop;
      end_dump(step, "the cell is taken down by force");
      kill(step);
    } else if (outcome_) {
      intent_ = Intent::kStop;  // It ends already, and has its deadline.
      hurry_dump(step, grace);
    } else {
      end_guest(step, Intent::kStop, grace);
    }
  });
}

Step CellMachine::request_reboot(bool force, Milliseconds grace) {
  return apply([&](Step& step) {
    if (finished_ || intent_ == Intent::kStop) {
      refusal_ = "the cell is going down";
      return;
    }
    early_resets_ = 0;
    reboots_failed_ = outcome_.has_value();
    if (vmm_ == Vmm::kNone) {
      begin(step);
    } else if (force || vmm_ == Vmm::kStarting) {
      intent_ = Intent::kReboot;
      end_dump(step, "the cell is rebooted by force");
      kill(step);
    } else if (outcome_) {
      intent_ = Intent::kReboot;
      hurry_dump(step, grace);
    } else {
      end_guest(step, Intent::kReboot, grace);
    }
  });
}

Step CellMachine::start_anew() {
  return apply([&](Step& step) {
    if (vmm_ != Vmm::kNone || finished_ || intent_ != Intent::kRun || !outcome_) return;
    if (outcome_->state == CellState::kFailed || outcome_->state == CellState::kPanicked) {
      begin(step);
    }
  });
}

void CellMachine::fail(Step& step, std::string cause, agree::EvidenceSet evidence) {
  if (vmm_ == Vmm::kNone || outcome_) return;
  if (intent_ != Intent::kRun) step.events.push_back({"killed", cause});
  // What the others have to recover from first is no reboot.
  if (intent_ == Intent::kReboot && !evidence.empty()) intent_ = Intent::kRun;
  outcome_ = Outcome{CellState::kFailed, std::move(cause), evidence};
  agent_up_ = false;
  kill(step);
}

Step CellMachine::on_evicted() {
  return apply([&](Step& step) {
    std::string cause = "the other cells agreed that it had failed";
    if (dumps_ && !outcome_ && !evidence().empty()) {  // It hangs: its memory tells why.
      // Unlike one that has failed, it still has to be stopped.
      return take_failure(step, {CellState::kFailed, std::move(cause), evidence()}, kExitLimit);
    }
    fail(step, std::move(cause), {});
  });
}

Step CellMachine::give_up(const std::string& why) {
  return apply([&](Step& step) {
    if (dumping_ && !still_) {
      end_dump(step, why);
      return kill(step);
    }
    fail(step, why, Evidence::kVmmExit);
  });
}

}  // namespace hive::control
