#include "cellmon/control/cell_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hive::control {
namespace {

using cell::Report;
using cell::ReportKind;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using std::chrono_literals::operator""ms;

std::vector<std::string> kinds(const Step& step) {
  std::vector<std::string> names;
  for (const EventText& event : step.events) names.push_back(event.kind);
  return names;
}

CellMachine started(bool has_agent = true) {
  CellMachine machine(has_agent);
  machine.start();
  machine.on_report({ReportKind::kStarted, ""});
  return machine;
}

CellMachine running() {
  CellMachine machine = started();
  machine.on_agent_up();
  return machine;
}

TEST(CellMachine, ComesUpWithItsAgent) {
  CellMachine machine(true);
  Step step = machine.start();
  EXPECT_THAT(step.actions, ElementsAre(Action::kArmDeadline, Action::kStartVmm));
  EXPECT_THAT(kinds(step), ElementsAre("starting"));
  EXPECT_EQ(machine.state(), CellState::kStarting);
  EXPECT_EQ(machine.incarnation(), 1U);

  step = machine.on_report({ReportKind::kStarted, ""});
  EXPECT_THAT(step.actions, ElementsAre(Action::kDisarmDeadline));
  EXPECT_THAT(kinds(step), ElementsAre("booting"));

  step = machine.on_agent_up();
  EXPECT_THAT(kinds(step), ElementsAre("agent-up", "running"));
  EXPECT_EQ(machine.state(), CellState::kRunning);
}

TEST(CellMachine, IsUpAtOnceWithoutAnAgent) {
  EXPECT_EQ(started(false).state(), CellState::kRunning);
}

TEST(CellMachine, EndsAsTheGuestEnds) {
  const std::tuple<ReportKind, CellState, std::string> endings[] = {
      {ReportKind::kOff, CellState::kOff, ""},
      {ReportKind::kTripleFault, CellState::kFailed, "triple fault"},
      {ReportKind::kFailed, CellState::kFailed, "why"},
      {ReportKind::kNotStarted, CellState::kFailed, "not started: why"},
      {ReportKind::kPanicked, CellState::kPanicked, "why"},
  };
  for (const auto& [report, state, cause] : endings) {
    CellMachine machine = running();
    machine.on_report({report, "why"});
    EXPECT_EQ(machine.state(), CellState::kStopping) << "while the VMM is there";
    const Step step = machine.on_vmm_exit("status 0", 60'000ms);
    EXPECT_EQ(machine.state(), state);
    EXPECT_EQ(machine.cause(), cause);
    EXPECT_THAT(kinds(step), ElementsAre(std::string(to_string(state))));
    EXPECT_THAT(step.actions, Not(Contains(Action::kStartVmm)));
  }
}

TEST(CellMachine, EndsAPanickedGuest) {
  CellMachine machine = running();
  EXPECT_THAT(machine.on_report({ReportKind::kPanicked, ""}).actions,
              ElementsAre(Action::kQuitVmm, Action::kArmDeadline));
  machine.on_report({ReportKind::kReset, ""});
  machine.on_vmm_exit("status 0", 60'000ms);
  EXPECT_EQ(machine.state(), CellState::kPanicked) << "the first report counts";
}

TEST(CellMachine, FailsWhenTheVmmVanishes) {
  CellMachine machine = running();
  machine.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_EQ(machine.state(), CellState::kFailed);
  EXPECT_EQ(machine.cause(), "VMM exited: signal 9");
}

TEST(CellMachine, RestartsAfterAReset) {
  CellMachine machine = running();
  machine.on_report({ReportKind::kReset, ""});
  EXPECT_EQ(machine.state(), CellState::kRebooting);
  const Step step = machine.on_vmm_exit("status 0", 60'000ms);
  EXPECT_THAT(step.actions, Contains(Action::kStartVmm));
  EXPECT_EQ(machine.incarnation(), 2U);
  EXPECT_EQ(machine.state(), CellState::kStarting);
  EXPECT_FALSE(machine.agent_up());
}

TEST(CellMachine, KillsAVmmThatDoesNotEnd) {
  CellMachine machine = running();
  EXPECT_THAT(machine.on_report({ReportKind::kOff, ""}).actions, ElementsAre(Action::kArmDeadline));
  EXPECT_EQ(machine.deadline(), CellMachine::kExitLimit);
  EXPECT_THAT(machine.on_deadline().actions, Contains(Action::kKillVmm));
  machine.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_EQ(machine.state(), CellState::kOff);
}

TEST(CellMachine, FailsWhenTheVmmDoesNotStart) {
  CellMachine machine(true);
  machine.start();
  EXPECT_EQ(machine.deadline(), CellMachine::kStartLimit);
  EXPECT_THAT(machine.on_deadline().actions, Contains(Action::kKillVmm));
  machine.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_EQ(machine.state(), CellState::kFailed);
  EXPECT_THAT(machine.cause(), testing::HasSubstr("in time"));
  EXPECT_FALSE(machine.has_started());
}

TEST(CellMachine, SaysWhyTheVmmCouldNotBeSpawned) {
  CellMachine machine(true);
  machine.start();
  machine.on_spawn_failed("no such file");
  EXPECT_EQ(machine.state(), CellState::kFailed);
  EXPECT_EQ(machine.cause(), "not started: no such file");
}

TEST(CellMachine, GoesDownInOrder) {
  CellMachine machine = running();
  Step step = machine.request_down(false, 10'000ms);
  EXPECT_THAT(step.actions, ElementsAre(Action::kShutDownGuest, Action::kArmDeadline));
  EXPECT_EQ(machine.deadline(), 10'000ms);
  EXPECT_EQ(machine.state(), CellState::kStopping);
  machine.on_report({ReportKind::kOff, ""});
  EXPECT_EQ(machine.deadline(), CellMachine::kExitLimit);
  step = machine.on_vmm_exit("status 0", 60'000ms);
  EXPECT_THAT(step.actions, ElementsAre(Action::kDisarmDeadline, Action::kFinish));
  EXPECT_EQ(machine.state(), CellState::kStopped);
  EXPECT_TRUE(machine.ended_cleanly());
}

TEST(CellMachine, KillsAGuestThatIgnoresDown) {
  CellMachine machine = running();
  machine.request_down(false, 100ms);
  EXPECT_THAT(machine.on_deadline().actions, Contains(Action::kKillVmm));
  EXPECT_THAT(machine.on_vmm_exit("signal 9", 60'000ms).actions, Contains(Action::kFinish));
  EXPECT_FALSE(machine.ended_cleanly());
}

TEST(CellMachine, AsksTheAgentThatComesUpWhileGoingDown) {
  CellMachine machine = started();
  EXPECT_THAT(machine.request_down(false, 1000ms).actions, Contains(Action::kShutDownGuest));
  EXPECT_THAT(machine.on_agent_up().actions, Contains(Action::kShutDownGuest));
}

TEST(CellMachine, KillsAtOnceWhenForced) {
  CellMachine machine = running();
  EXPECT_THAT(machine.request_down(true, 0ms).actions, Contains(Action::kKillVmm));
  EXPECT_THAT(machine.on_vmm_exit("signal 9", 60'000ms).actions, Contains(Action::kFinish));
}

TEST(CellMachine, CanBeForcedAfterItWasAsked) {
  CellMachine machine = running();
  machine.request_down(false, 10'000ms);
  EXPECT_THAT(machine.request_down(true, 0ms).actions, Contains(Action::kKillVmm));
}

TEST(CellMachine, GoesDownAtOnceWithoutAVmm) {
  CellMachine machine = running();
  machine.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_THAT(machine.request_down(false, 1000ms).actions, ElementsAre(Action::kFinish));
  EXPECT_FALSE(machine.ended_cleanly());
}

TEST(CellMachine, ResumesAPausedGuestToEndIt) {
  CellMachine machine = running();
  machine.request_pause();
  machine.on_report({ReportKind::kPaused, ""});
  EXPECT_EQ(machine.state(), CellState::kPaused);
  EXPECT_THAT(machine.request_down(false, 1000ms).actions,
              ElementsAre(Action::kResumeVmm, Action::kShutDownGuest, Action::kArmDeadline));
}

TEST(CellMachine, RebootsByItsAgent) {
  CellMachine machine = running();
  EXPECT_THAT(machine.request_reboot(false, 1000ms).actions,
              ElementsAre(Action::kRebootGuest, Action::kArmDeadline));
  machine.on_report({ReportKind::kReset, ""});
  EXPECT_THAT(machine.on_vmm_exit("status 0", 60'000ms).actions, Contains(Action::kStartVmm));
  EXPECT_EQ(machine.incarnation(), 2U);
  EXPECT_EQ(machine.state(), CellState::kStarting);
}

TEST(CellMachine, RebootsByTheButtonWithoutAnAgent) {
  CellMachine machine = started(false);
  EXPECT_THAT(machine.request_reboot(false, 1000ms).actions, Contains(Action::kShutDownGuest));
  machine.on_report({ReportKind::kOff, ""});
  EXPECT_THAT(machine.on_vmm_exit("status 0", 60'000ms).actions, Contains(Action::kStartVmm));
}

TEST(CellMachine, RebootsByForceAndFromTheEnd) {
  CellMachine machine = running();
  EXPECT_THAT(machine.request_reboot(true, 0ms).actions, Contains(Action::kKillVmm));
  EXPECT_THAT(machine.on_vmm_exit("signal 9", 60'000ms).actions, Contains(Action::kStartVmm));
  machine.on_vmm_exit("signal 11", 60'000ms);
  EXPECT_EQ(machine.state(), CellState::kFailed);
  EXPECT_THAT(machine.request_reboot(false, 1000ms).actions, Contains(Action::kStartVmm));
  EXPECT_EQ(machine.cause(), "");
  EXPECT_EQ(machine.incarnation(), 3U);
}

TEST(CellMachine, FailsWhileItReboots) {
  for (const bool panics : {false, true}) {
    CellMachine machine = running();
    machine.request_reboot(false, 1000ms);
    if (panics) machine.on_report({ReportKind::kPanicked, "oops"});
    EXPECT_THAT(machine.on_vmm_exit("signal 11", 60'000ms).actions,
                Not(Contains(Action::kStartVmm)))
        << "the others have to recover first";
    EXPECT_EQ(machine.state(), panics ? CellState::kPanicked : CellState::kFailed);
    EXPECT_FALSE(machine.evidence().empty());
  }
}

TEST(CellMachine, DownWinsOverReboot) {
  CellMachine machine = running();
  machine.request_down(false, 1000ms);
  machine.request_reboot(false, 1000ms);
  EXPECT_NE(machine.refusal(), "");
  machine.on_report({ReportKind::kReset, ""});
  EXPECT_THAT(machine.on_vmm_exit("status 0", 60'000ms).actions, Contains(Action::kFinish));
}

TEST(CellMachine, PausesAndResumes) {
  CellMachine machine = running();
  EXPECT_THAT(machine.request_pause().actions,
              ElementsAre(Action::kPauseVmm, Action::kArmDeadline));
  EXPECT_THAT(machine.request_pause().actions, IsEmpty());
  EXPECT_EQ(machine.state(), CellState::kRunning);
  EXPECT_THAT(kinds(machine.on_report({ReportKind::kPaused, ""})), ElementsAre("paused"));
  EXPECT_THAT(machine.request_resume().actions,
              ElementsAre(Action::kResumeVmm, Action::kArmDeadline));
  EXPECT_THAT(kinds(machine.on_report({ReportKind::kResumed, ""})), ElementsAre("running"));
  EXPECT_THAT(machine.request_resume().actions, IsEmpty());
}

TEST(CellMachine, RefusesToPauseWhatDoesNotRun) {
  CellMachine machine(true);
  machine.start();
  EXPECT_THAT(machine.request_pause().actions, IsEmpty());
  EXPECT_EQ(machine.refusal(), "a cell that is starting cannot be paused");
  machine.on_report({ReportKind::kStarted, ""});
  EXPECT_EQ(machine.refusal(), "");
}

TEST(CellMachine, IgnoresAndCountsReportsThatMakeNoSense) {
  CellMachine machine = running();
  machine.on_report({ReportKind::kStarted, ""});
  machine.on_report({ReportKind::kPaused, ""});
  machine.on_report({ReportKind::kResumed, ""});
  EXPECT_EQ(machine.state(), CellState::kRunning);
  EXPECT_EQ(machine.ignored_reports(), 3U);
  machine.on_report({ReportKind::kOff, ""});
  machine.on_report({ReportKind::kPanicked, ""});
  EXPECT_EQ(machine.ignored_reports(), 4U);
}

TEST(CellMachine, LimitsTheEventsThatAGuestCauses) {
  CellMachine machine = started(false);
  std::size_t events = 0;
  for (unsigned i = 0; i < 2 * CellMachine::kMaxGuestEvents; ++i) {
    events += machine.on_report({ReportKind::kDeviceBroken, "disk"}).events.size();
  }
  EXPECT_EQ(events, CellMachine::kMaxGuestEvents);
  EXPECT_EQ(machine.ignored_reports(), CellMachine::kMaxGuestEvents);
}

TEST(CellMachine, LimitsTheEventsOfARestlessAgent) {
  CellMachine machine = running();
  std::size_t events = 0;
  for (unsigned i = 0; i < 2 * CellMachine::kMaxGuestEvents; ++i) {
    events += machine.on_agent_lost("restarted").events.size();
    events += machine.on_agent_up().events.size();
  }
  EXPECT_LE(events, CellMachine::kMaxGuestEvents);
  EXPECT_TRUE(machine.agent_up());
}

TEST(CellMachine, NotesTheAgentsLoss) {
  CellMachine machine = running();
  EXPECT_THAT(kinds(machine.on_agent_lost("broke the protocol")), ElementsAre("agent-lost"));
  EXPECT_EQ(machine.state(), CellState::kRunning);
  EXPECT_THAT(machine.on_agent_lost("again").events, IsEmpty());
}

/// Runs random inputs against the machine and a shell that only tracks whether a VMM exists.
class RandomLife {
 public:
  explicit RandomLife(unsigned seed) : random_(seed) { carry_out(machine_.start()); }

  void run() {
    for (int i = 0; i < 200 && !finished_; ++i) carry_out(input(pick(10)));
    if (!finished_) carry_out(machine_.request_down(true, 0ms));
    carry_out(end_vmm());
    EXPECT_TRUE(finished_);
    EXPECT_EQ(machine_.state(), CellState::kStopped);
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  Step input(int choice) {
    switch (choice) {
      case 0:
        return machine_.request_pause();
      case 1:
        return machine_.request_resume();
      case 2:
        return machine_.request_reboot(pick(2) == 0, 10ms);
      case 3:
        return pick(10) == 0 ? machine_.request_down(pick(2) == 0, 10ms) : Step{};
      case 4:
        return machine_.on_agent_up();
      case 5:
        return armed_ ? machine_.on_deadline() : Step{};
      case 6:
        return end_vmm();
      default:
        return machine_.on_report({static_cast<ReportKind>(pick(10)), "x"});
    }
  }

  Step end_vmm() {
    if (!vmm_) return {};
    vmm_ = false;
    return machine_.on_vmm_exit("status 1", pick(3) == 0 ? 60'000ms : 20ms);
  }

  void carry_out(const Step& step) {
    for (const Action action : step.actions) {
      EXPECT_FALSE(finished_) << "an action after the end";
      if (action == Action::kStartVmm) {
        EXPECT_FALSE(vmm_) << "two VMMs";
        vmm_ = true;
      }
      if (action == Action::kKillVmm) {
        EXPECT_TRUE(vmm_) << "killed nothing";
      }
      if (action == Action::kArmDeadline) armed_ = true;
      if (action == Action::kDisarmDeadline) armed_ = false;
      if (action == Action::kFinish) finished_ = true;
    }
    EXPECT_TRUE(!finished_ || !vmm_) << "finished over a VMM";
    EXPECT_TRUE(!is_ended(machine_.state()) || !vmm_) << "ended over a VMM";
  }

  std::mt19937 random_;
  CellMachine machine_{true};
  bool vmm_ = false;
  bool armed_ = false;
  bool finished_ = false;
};

TEST(CellMachine, KeepsItsPromisesOnRandomLives) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    RandomLife(seed).run();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace hive::control
