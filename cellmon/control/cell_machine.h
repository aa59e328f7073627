// The life of a cell as its monitor leads it: a state machine without I/O.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellmon/agree/evidence.h"
#include "cellmon/control/dump_limit.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/base/ids.h"
#include "vmm/cell/monitor_protocol.h"

namespace hive::control {

using wire::CellState;

/// What the monitor has to do, in this order, after the machine took an input.
enum class Action {
  kStartVmm,        ///< Start a VMM for incarnation().
  kKillVmm,         ///< Kill the VMM now.
  kQuitVmm,         ///< Send the VMM command kQuit.
  kPauseVmm,        ///< Send the VMM command kPause.
  kResumeVmm,       ///< Send the VMM command kResume.
  kDumpVmm,         ///< Make a core file and send the VMM command kDump, or on_dump_failed().
  kKeepDump,        ///< The core file is complete.
  kDropDump,        ///< There will be none.
  kShutDownGuest,   ///< Ask the guest to power off: by its agent where that is up, else the button.
  kRebootGuest,     ///< Ask the guest's agent to reboot.
  kArmDeadline,     ///< Call on_deadline() after deadline(), and not at any earlier one.
  kDisarmDeadline,  ///< Call no on_deadline().
  kFinish,          ///< The cell is down: the monitor may exit.
};

struct EventText {
  std::string kind;  ///< A state's name, or the name of what happened within a state.
  std::string detail;
};

/// What followed from an input.
struct Step {
  std::vector<Action> actions;
  std::vector<EventText> events;
};

/// Inputs are the VMM's reports, the agent, the clock and requests of clients. Reports are hostile:
/// those that make no sense in the state are ignored and counted.
class CellMachine {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// How long a VMM may take to start, and to end after it said that it would.
  static constexpr Milliseconds kStartLimit{60'000};
  static constexpr Milliseconds kExitLimit{5'000};
  /// How long it may take to answer a pause or a resume.
  static constexpr Milliseconds kHoldLimit{5'000};
  /// A guest that resets itself within this time of its VMM's start does so early.
  static constexpr Milliseconds kEarlyReset{5'000};
  /// The first early reset is followed by a start at once, each further one in a row by a wait,
  /// twice as long each time.
  static constexpr Milliseconds kFirstWait{1'000};
  static constexpr Milliseconds kLongestWait{30'000};
  /// How many events a guest can cause at will, per incarnation; more are only counted.
  static constexpr unsigned kMaxGuestEvents = 100;

  /// With DUMPS, the memory of a guest that fails is kept before its VMM ends.
  explicit CellMachine(bool has_agent, bool dumps = false) : has_agent_(has_agent), dumps_(dumps) {}

  /// The first start.
  Step start();

  Step on_report(const cell::Report& report);
  /// The VMM could not be started; WHY is for the user.
  Step on_spawn_failed(const std::string& why);
  /// The VMM is gone, LIVED after it was started; HOW is such as "signal 9".
  Step on_vmm_exit(const std::string& how, Milliseconds lived);
  Step on_agent_up();
  Step on_agent_lost(const std::string& why);
  Step on_deadline();
  /// kDumpVmm could not be done; WHY is for the user.
  Step on_dump_failed(const std::string& why);

  /// The requests. A refused one changes nothing; refusal() says why.
  Step request_down(bool force, Milliseconds grace);
  Step request_reboot(bool force, Milliseconds grace);
  Step request_pause();
  Step request_resume();
  /// The cell's restart policy: starts it when it has failed and its VMM is gone, else nothing.
  Step start_anew();
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

  /// The guest must stand still while monitors agree, whatever clients ask for; is_still() says
  /// when it does. The state does not show it.
  Step suspend();
  /// The guest goes on, unless a client has paused it.
  Step end_suspension();
  /// The other monitors have agreed that the cell has failed: its VMM ends at once. A reboot or an
  /// end that was asked for goes on then.
  Step on_evicted();
  /// The VMM does not do what the other cells depend on, as WHY says: it ends at once, and the cell
  /// has failed, unless it was to go down. A core file of a guest that has not been stopped yet is
  /// given up; one of a guest that stands still holds nobody up.
  Step give_up(const std::string& why);
  /// The guest, which runs, hangs, as DETAIL says; with no EVIDENCE it does not, or not any more.
  Step note_hang(agree::EvidenceSet evidence, const std::string& detail);
  /// Its agent is SILENT, which alone is nothing against it, or is so no more.
  Step note_silence(bool silent, const std::string& detail);
  /// The machine's view gives the cell an incarnation; the present one is at least LEAST.
  void raise_incarnation(Incarnation least) { incarnation_ = std::max(incarnation_, least); }

  [[nodiscard]] CellState state() const;
  /// Why the cell is in state kFailed or kPanicked, else empty.
  [[nodiscard]] std::string cause() const;
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  /// Whether no vCPU runs and no device works, for as long as the suspension lasts.
  [[nodiscard]] bool is_still() const {
    return vmm_ == Vmm::kNone || still_ || (suspended_ && paused_ && !resume_asked_);
  }
  /// What shows that the cell has failed, from then until its next start, or that its guest hangs;
  /// nothing when it was asked to end, or has ended by itself.
  [[nodiscard]] agree::EvidenceSet evidence() const;
  /// Whether the guest can be expected to do anything: it is to run, and nobody holds it.
  [[nodiscard]] bool guest_runs() const;
  [[nodiscard]] bool is_suspended() const { return suspended_; }
  /// Whether a core file is to be written, or is being.
  [[nodiscard]] bool is_dumping() const { return dumping_; }
  [[nodiscard]] Milliseconds deadline() const { return deadline_; }
  [[nodiscard]] bool agent_up() const { return agent_up_; }
  /// Why the last pause or resume is not done in time, for the user; else empty. The VMM may still
  /// answer: then the state follows.
  [[nodiscard]] const std::string& hold_fault() const { return hold_fault_; }
  /// Whether the vCPUs of the current or last VMM ever ran.
  [[nodiscard]] bool has_started() const { return has_started_; }
  /// Whether the last VMM ran and ended as kFailed or kPanicked, so that its traces matter.
  [[nodiscard]] bool ended_badly() const {
    return has_started_ && outcome_ &&
           (outcome_->state == CellState::kFailed || outcome_->state == CellState::kPanicked);
  }
  /// Whether the guest ended by itself, not by force.
  [[nodiscard]] bool ended_cleanly() const {
    return outcome_ && outcome_->state == CellState::kOff;
  }
  /// Reports that were ignored because they made no sense or were too many.
  [[nodiscard]] std::uint64_t ignored_reports() const { return ignored_reports_; }

 private:
  enum class Vmm { kNone, kStarting, kUp };
  enum class Intent { kRun, kReboot, kStop };
  struct Outcome {
    CellState state;  ///< kOff, kPanicked, kFailed, or kRebooting for a guest's reset.
    std::string cause;
    agree::EvidenceSet evidence;  ///< Of kPanicked and kFailed.
  };

  /// Runs CHANGE and adds the event of a changed state.
  Step apply(const std::function<void(Step&)>& change);
  void begin(Step& step);
  /// Begins after a guest's reset, now or later.
  void begin_after_reset(Step& step, Milliseconds lived);
  void arm(Step& step, Milliseconds limit);
  void kill(Step& step);
  /// Of a VMM that is gone: whether it ended neither as its guest wanted nor by this monitor.
  [[nodiscard]] bool has_failed() const;
  /// Ends the VMM, if there is one that does not end by itself already.
  void fail(Step& step, std::string cause, agree::EvidenceSet evidence);
  void add_guest_event(Step& step, EventText event);
  void take_live_report(Step& step, const cell::Report& report);
  void take_outcome(Step& step, Outcome outcome);
  /// The same, where there may be memory worth keeping; LIMIT is for that, or for what it awaits.
  void take_failure(Step& step, Outcome outcome, Milliseconds limit = kDumpLimit);
  /// Whether REPORT is of a dump.
  [[nodiscard]] bool take_dump_report(Step& step, const cell::Report& report);
  /// There will be no core file, if one is under way.
  void end_dump(Step& step, const std::string& why);
  /// A dump that is under way has at most GRACE from now on.
  void hurry_dump(Step& step, Milliseconds grace);
  /// Asks the guest to end as INTENT wants, and kills it after GRACE.
  void end_guest(Step& step, Intent intent, Milliseconds grace);
  void ask_guest(Step& step);
  bool refuse_unless_up(const char* what);
  /// Asks the VMM to hold the vCPUs for a suspension.
  void ask_suspension(Step& step);
  /// Asks the VMM to hold the vCPUs, or to let them go.
  void ask_hold(Step& step, bool hold);
  /// The VMM did what it was asked for: HELD.
  void settle_hold(Step& step, bool held);
  /// The VMM could not pause the guest, for reason WHY, and has let it go on.
  void give_up_pause(Step& step, const std::string& why);
  void miss_hold(Step& step);

  const bool has_agent_;
  const bool dumps_;
  Vmm vmm_ = Vmm::kNone;
  Intent intent_ = Intent::kRun;
  std::optional<Outcome> outcome_;
  agree::EvidenceSet hang_;  ///< Against the guest that runs.
  Incarnation incarnation_ = 0;
  bool has_started_ = false;
  bool guest_up_ = false;
  bool agent_up_ = false;
  bool paused_ = false;  ///< The VMM holds the vCPUs, for whatever reason.
  bool held_ = false;    ///< It does, and a client has asked for it.
  bool suspended_ = false;
  bool pause_asked_ = false;
  bool resume_asked_ = false;
  bool hold_wanted_ = false;  ///< Whether a pause was the last of the two that was asked for.
  bool finished_ = false;
  bool dumping_ = false;         ///< The VMM is to write a core file, and has not answered.
  bool still_ = false;           ///< The VMM holds the vCPUs of a guest that has failed.
  bool killed_ = false;          ///< The VMM, by this monitor.
  bool reboots_failed_ = false;  ///< A reboot was asked for when the cell had failed already.
  bool start_waits_ = false;     ///< No VMM is there, and the deadline brings the next start.
  unsigned early_resets_ = 0;    ///< In a row.
  unsigned guest_events_ = 0;
  std::uint64_t ignored_reports_ = 0;
  Milliseconds deadline_{0};
  std::string refusal_;
  std::string hold_fault_;
};

}  // namespace hive::control
