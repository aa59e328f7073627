// Keeping the memory of a guest that has failed, before its VMM ends.
#include <algorithm>
#include <utility>

#include "cellmon/control/cell_machine.h"

namespace hive::control {

void CellMachine::take_failure(Step& step, Outcome outcome, Milliseconds limit) {
  if (!dumps_) return take_outcome(step, std::move(outcome));
  outcome_ = std::move(outcome);
  agent_up_ = false;
  dumping_ = true;
  std::string time = "the rest of the guest's time to end";  // Its deadline goes on.
  if (intent_ == Intent::kRun) {
    time = std::to_string(kDumpLimit.count() / 1000) + " s";
    arm(step, limit);
  }
  step.events.push_back({"dumping", "the guest's memory is kept; for that there is " + time});
  step.actions.push_back(Action::kDumpVmm);
}

bool CellMachine::take_dump_report(Step& step, const cell::Report& report) {
  using cell::ReportKind;
  if (vmm_ == Vmm::kNone || !dumping_) return false;
  if (report.kind == ReportKind::kPaused) {
    if (!std::exchange(still_, true) && intent_ == Intent::kRun) arm(step, kDumpLimit);
  } else if (report.kind == ReportKind::kDumped) {
    dumping_ = false;
    step.actions.push_back(Action::kKeepDump);
    arm(step, kExitLimit);
  } else if (report.kind == ReportKind::kNotDumped) {
    end_dump(step, report.detail);
    arm(step, kExitLimit);
  } else {
    return false;
  }
  return true;
}

void CellMachine::end_dump(Step& step, const std::string& why) {
  if (!std::exchange(dumping_, false)) return;
  step.events.push_back({"not-dumped", why});
  step.actions.push_back(Action::kDropDump);
}

Step CellMachine::on_dump_failed(const std::string& why) {
  return apply([&](Step& step) {
    if (!dumping_) return;
    end_dump(step, why);
    step.actions.push_back(Action::kQuitVmm);
    arm(step, kExitLimit);
  });
}

void CellMachine::hurry_dump(Step& step, Milliseconds grace) {
  if (dumping_) arm(step, std::min(grace, kDumpLimit));
}

}  // namespace hive::control
