// Faults that are injected into the cell, its VMM or this monitor.
#include <fmt/format.h>

#include <csignal>
#include <ctime>
#include <optional>
#include <utility>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/wire/cell_status.h"

namespace hive::control {
namespace {

/// Until who asked for a fault of this process has its answer.
constexpr std::chrono::milliseconds kFaultDelay{100};

/// The kernel continues this process after DURATION, which it cannot do itself while it is stopped.
/// Fires once; gone with the process.
bool continue_after(std::chrono::milliseconds duration) {
  static const std::optional<timer_t> kTimer = [] {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    timer_t made{};
    const bool is_made = ::timer_create(CLOCK_MONOTONIC, &event, &made) == 0;
    return is_made ? std::optional(made) : std::nullopt;
  }();
  if (!kTimer) return false;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(duration.count() / 1000);
  when.it_value.tv_nsec = static_cast<long>(duration.count() % 1000 * 1'000'000);
  return ::timer_settime(*kTimer, 0, &when, nullptr) == 0;
}

}  // namespace

std::string CellMonitor::inject(const inject::Fault& fault) {
  using inject::FaultKind;
  if (!settings_.machine.faults) {
    return "the plan does not allow faults; say `faults: enabled` in it";
  }
  const bool needs_vmm = fault.kind == FaultKind::kVmmKill || fault.kind == FaultKind::kVmmStop;
  if (needs_vmm && !vmm_) {
    return fmt::format("the cell, which is {}, has no VMM", to_string(machine_.state()));
  }
  if (fault.kind == FaultKind::kFalseAccusation && !members_->may_accuse(*fault.cell)) {
    return "the accusation would come to nothing: this monitor has to be one of three members or "
           "more, and the accused cell another; `hive status` lists them";
  }
  const bool hits_self =
      fault.kind == FaultKind::kMonitorKill || fault.kind == FaultKind::kMonitorStop;
  if (hits_self && std::exchange(fault_is_due_, true)) {
    return "the monitor is about to have another fault";
  }
  add_event({"fault", fault.text});
  switch (fault.kind) {
    case FaultKind::kVmmKill:
      vmm_->kill();
      break;
    case FaultKind::kVmmStop:
      stop_vmm(fault.duration);
      break;
    case FaultKind::kMonitorKill:
      signal_self(SIGKILL, {});
      break;
    case FaultKind::kMonitorStop:
      signal_self(SIGSTOP, fault.duration);
      break;
    case FaultKind::kHeartbeatFreeze:
      members_->freeze_heartbeat(fault.duration);
      break;
    case FaultKind::kFalseAccusation:
      members_->accuse(fault.cell.value(), agree::Evidence::kNoAnswer);
      break;
  }
  return {};
}

void CellMonitor::stop_vmm(std::optional<Milliseconds> duration) {
  vmm_->signal(SIGSTOP);
  fault_end_.disarm();
  if (!duration) return;
  fault_end_.arm(*duration, [this, pid = vmm_->pid()] {
    if (vmm_ && vmm_->pid() == pid) vmm_->signal(SIGCONT);
  });
}

void CellMonitor::signal_self(int signal, std::optional<Milliseconds> duration) {
  fault_delay_.arm(kFaultDelay, [this, signal, duration] {
    fault_is_due_ = false;
    if (duration && !continue_after(*duration)) {
      return add_event({"fault", "the host has no timer to end it: it is not done"});
    }
    (void)::kill(::getpid(), signal);
  });
}

}  // namespace hive::control
