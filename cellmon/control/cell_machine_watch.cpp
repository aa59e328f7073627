// What is found against a guest that runs.
#include <utility>

#include "cellmon/control/cell_machine.h"

namespace hive::control {

bool CellMachine::guest_runs() const {
  const bool held = paused_ || pause_asked_ || resume_asked_ || suspended_;
  return vmm_ == Vmm::kUp && !outcome_ && intent_ == Intent::kRun && !held;
}

Step CellMachine::note_hang(agree::EvidenceSet evidence, const std::string& detail) {
  return apply([&](Step& step) {
    if (vmm_ != Vmm::kUp || outcome_ || evidence == hang_) return;
    const bool hung = hang_.empty();
    hang_ = evidence;
    if (evidence.empty()) {
      add_guest_event(step, {"no-hang", {}});
    } else if (hung) {
      add_guest_event(step, {"hang", detail});
    }
  });
}

Step CellMachine::note_silence(bool silent, const std::string& detail) {
  return apply([&](Step& step) {
    if (vmm_ != Vmm::kUp || outcome_) return;
    add_guest_event(step, {silent ? "agent-silent" : "agent-answers", detail});
  });
}

agree::EvidenceSet CellMachine::evidence() const {
  if (outcome_) return outcome_->evidence;
  return vmm_ == Vmm::kUp && intent_ == Intent::kRun ? hang_ : agree::EvidenceSet();
}

}  // namespace hive::control
