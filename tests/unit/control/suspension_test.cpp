// Suspensions by monitors that agree, beside what clients ask for.
#include <gmock/gmock.h>

#include "tests/unit/control/running_cell.h"

namespace hive::control {
namespace {

using agree::Evidence;
using cell::ReportKind;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using std::chrono_literals::operator""ms;

class Suspension : public RunningCell {
 protected:
  void suspend() {
    machine_.suspend();
    report(ReportKind::kPaused);
    EXPECT_TRUE(machine_.is_still());
  }
};

TEST_F(Suspension, StopsTheGuestWithoutAnEvent) {
  const Step step = machine_.suspend();
  EXPECT_THAT(step.actions, ElementsAre(Action::kPauseVmm));
  EXPECT_FALSE(machine_.is_still());
  EXPECT_THAT(report(ReportKind::kPaused).events, IsEmpty());
  EXPECT_TRUE(machine_.is_still());
  EXPECT_EQ(machine_.state(), CellState::kRunning);
  EXPECT_THAT(machine_.end_suspension().actions, ElementsAre(Action::kResumeVmm));
  EXPECT_FALSE(machine_.is_still());
  EXPECT_THAT(report(ReportKind::kResumed).events, IsEmpty());
  EXPECT_EQ(machine_.ignored_reports(), 0U);
}

TEST_F(Suspension, LeavesAPausedGuestPaused) {
  machine_.request_pause();
  report(ReportKind::kPaused);
  EXPECT_THAT(machine_.suspend().actions, IsEmpty());
  EXPECT_TRUE(machine_.is_still());
  EXPECT_THAT(machine_.end_suspension().actions, IsEmpty());
  EXPECT_EQ(machine_.state(), CellState::kPaused);
  machine_.request_resume();
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Suspension, TakesAPauseMeanwhile) {
  suspend();
  EXPECT_THAT(machine_.request_pause().actions, Not(Contains(Action::kPauseVmm)));
  EXPECT_EQ(machine_.state(), CellState::kPaused);
  EXPECT_THAT(machine_.end_suspension().actions, IsEmpty());
  EXPECT_EQ(machine_.state(), CellState::kPaused);
}

TEST_F(Suspension, OutlivesAResume) {
  machine_.request_pause();
  report(ReportKind::kPaused);
  machine_.suspend();
  EXPECT_THAT(machine_.request_resume().actions, Not(Contains(Action::kResumeVmm)));
  EXPECT_TRUE(machine_.is_still());
  EXPECT_THAT(machine_.end_suspension().actions, Contains(Action::kResumeVmm));
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Suspension, GivesAResumeItsTimeFromTheEndOn) {
  machine_.request_pause();
  report(ReportKind::kPaused);
  machine_.suspend();
  EXPECT_THAT(machine_.request_resume().actions, Not(Contains(Action::kArmDeadline)))
      << "the VMM was asked for nothing";
  EXPECT_THAT(machine_.end_suspension().actions,
              ElementsAre(Action::kArmDeadline, Action::kResumeVmm));
  EXPECT_EQ(machine_.deadline(), CellMachine::kHoldLimit);
  EXPECT_THAT(machine_.on_deadline().events, Contains(Field(&EventText::kind, "no-answer")));
  EXPECT_THAT(report(ReportKind::kResumed).actions, Contains(Action::kDisarmDeadline));
}

TEST_F(Suspension, TakesAPauseAfterAResume) {
  machine_.request_pause();
  report(ReportKind::kPaused);
  machine_.suspend();
  machine_.request_resume();
  EXPECT_THAT(machine_.request_pause().actions, ElementsAre(Action::kDisarmDeadline));
  EXPECT_THAT(machine_.end_suspension().actions, IsEmpty());
  EXPECT_EQ(machine_.state(), CellState::kPaused);
}

TEST_F(Suspension, TellsWhoAskedForAPauseThatAResumeHasTakenBack) {
  machine_.request_pause();
  machine_.suspend();
  EXPECT_THAT(machine_.request_resume().actions, ElementsAre(Action::kDisarmDeadline));
  EXPECT_EQ(machine_.hold_fault(), "the cell was not paused: it was resumed meanwhile");
  report(ReportKind::kPaused);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
  machine_.end_suspension();
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.hold_fault(), "");
}

TEST_F(Suspension, WaitsForAResumeThatIsUnderWay) {
  machine_.request_pause();
  report(ReportKind::kPaused);
  machine_.request_resume();
  EXPECT_THAT(machine_.suspend().actions, IsEmpty());
  EXPECT_FALSE(machine_.is_still()) << "the VMM goes on in a moment";
  EXPECT_THAT(report(ReportKind::kResumed).actions, Contains(Action::kPauseVmm));
  report(ReportKind::kPaused);
  EXPECT_TRUE(machine_.is_still());
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Suspension, BeginsAnewRightAfterItsEnd) {
  suspend();
  machine_.end_suspension();
  EXPECT_THAT(machine_.suspend().actions, IsEmpty());
  EXPECT_FALSE(machine_.is_still());
  EXPECT_THAT(report(ReportKind::kResumed).actions, Contains(Action::kPauseVmm));
  report(ReportKind::kPaused);
  EXPECT_TRUE(machine_.is_still());
}

TEST_F(Suspension, EndsWhileThePauseIsUnderWay) {
  machine_.suspend();
  EXPECT_THAT(machine_.end_suspension().actions, ElementsAre(Action::kResumeVmm));
  report(ReportKind::kPaused);
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
  EXPECT_EQ(machine_.ignored_reports(), 0U);
}

TEST_F(Suspension, TriesAgainWhenTheVmmCouldNotPause) {
  machine_.suspend();
  const Step step = machine_.on_report({ReportKind::kNotPaused, "a disk hangs"});
  EXPECT_THAT(step.actions, ElementsAre(Action::kPauseVmm));
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "not-paused");
}

TEST_F(Suspension, HoldsAGuestThatIsToEnd) {
  suspend();
  EXPECT_THAT(machine_.request_down(false, 10ms).actions, Not(Contains(Action::kResumeVmm)));
  EXPECT_TRUE(machine_.is_still());
  EXPECT_THAT(machine_.end_suspension().actions, ElementsAre(Action::kResumeVmm));
}

TEST_F(Suspension, OfACellWithoutAVmmIsThereAtOnce) {
  machine_.on_vmm_exit("signal 9", 1ms);
  EXPECT_EQ(machine_.state(), CellState::kFailed);
  EXPECT_THAT(machine_.suspend().actions, IsEmpty());
  EXPECT_TRUE(machine_.is_still());
}

TEST_F(Suspension, StopsAGuestThatStartsMeanwhile) {
  machine_.on_vmm_exit("signal 9", 1ms);
  machine_.suspend();
  machine_.request_reboot(false, 1ms);
  EXPECT_FALSE(machine_.is_still());
  EXPECT_THAT(report(ReportKind::kStarted).actions, Contains(Action::kPauseVmm));
}

TEST_F(Suspension, EndsWithAVmmThatIsOver) {
  suspend();
  report(ReportKind::kTripleFault);
  EXPECT_THAT(machine_.end_suspension().actions, IsEmpty());
}

TEST_F(Suspension, EvidenceIsWhatTheCellFailedOf) {
  EXPECT_TRUE(machine_.evidence().empty());
  report(ReportKind::kPanicked);
  EXPECT_EQ(machine_.evidence(), agree::EvidenceSet(Evidence::kPanic));
  machine_.on_vmm_exit("status 0", 1ms);
  EXPECT_EQ(machine_.evidence(), agree::EvidenceSet(Evidence::kPanic));
  machine_.request_reboot(false, 1ms);
  EXPECT_TRUE(machine_.evidence().empty());
  machine_.on_vmm_exit("signal 9", 1ms);
  EXPECT_EQ(machine_.evidence(), agree::EvidenceSet(Evidence::kVmmExit));
}

TEST_F(Suspension, NoEvidenceComesOfAnEndThatWasAskedFor) {
  report(ReportKind::kOff);
  machine_.on_vmm_exit("status 0", 1ms);
  EXPECT_TRUE(machine_.evidence().empty());
  machine_.request_reboot(true, 1ms);
  report(ReportKind::kStarted);
  machine_.request_reboot(true, 1ms);
  machine_.on_vmm_exit("signal 9", 1ms);
  EXPECT_TRUE(machine_.evidence().empty());
}

TEST_F(Suspension, EvictionEndsTheVmm) {
  EXPECT_THAT(machine_.on_evicted().actions, Contains(Action::kKillVmm));
  machine_.on_vmm_exit("signal 9", 1ms);
  EXPECT_EQ(machine_.state(), CellState::kFailed);
  EXPECT_TRUE(machine_.evidence().empty());
  EXPECT_THAT(machine_.on_evicted().actions, IsEmpty());
}

TEST_F(Suspension, EvictionEndsAVmmWhoseGuestHasTimeToReboot) {
  machine_.request_reboot(false, 86'400'000ms);
  const Step step = machine_.on_evicted();
  EXPECT_THAT(step.actions, Contains(Action::kKillVmm));
  EXPECT_THAT(step.events, ElementsAre(Field(&EventText::kind, "killed")));
  EXPECT_EQ(machine_.state(), CellState::kRebooting);
  EXPECT_THAT(machine_.on_evicted().actions, IsEmpty());
  EXPECT_THAT(machine_.on_vmm_exit("signal 9", 1ms).actions, Contains(Action::kStartVmm));
  EXPECT_EQ(machine_.state(), CellState::kStarting);
}

TEST_F(Suspension, EvictionEndsAVmmWhoseGuestHasTimeToShutDown) {
  machine_.request_down(false, 86'400'000ms);
  EXPECT_THAT(machine_.on_evicted().actions, Contains(Action::kKillVmm));
  EXPECT_EQ(machine_.state(), CellState::kStopping);
  EXPECT_THAT(machine_.on_vmm_exit("signal 9", 1ms).actions, Contains(Action::kFinish));
  EXPECT_EQ(machine_.state(), CellState::kStopped);
}

TEST_F(Suspension, ACellThatGivesUpIsNotRebooted) {
  machine_.request_reboot(false, 86'400'000ms);
  EXPECT_THAT(machine_.give_up("it did not stop").actions, Contains(Action::kKillVmm));
  machine_.on_vmm_exit("signal 9", 1ms);
  EXPECT_EQ(machine_.state(), CellState::kFailed) << "the others have to hear of it";
  EXPECT_EQ(machine_.evidence(), Evidence::kVmmExit);
}

TEST_F(Suspension, ACellThatGivesUpGoesDownWhereItWasToldTo) {
  machine_.request_down(false, 86'400'000ms);
  EXPECT_THAT(machine_.give_up("it did not stop").actions, Contains(Action::kKillVmm));
  EXPECT_THAT(machine_.on_vmm_exit("signal 9", 1ms).actions, Contains(Action::kFinish));
}

TEST_F(Suspension, ACellThatGivesUpHasFailed) {
  machine_.suspend();
  EXPECT_THAT(machine_.give_up("it did not stop").actions, Contains(Action::kKillVmm));
  machine_.on_vmm_exit("signal 9", 1000ms);
  EXPECT_TRUE(machine_.is_still());
  EXPECT_EQ(machine_.state(), CellState::kFailed);
  EXPECT_EQ(machine_.cause(), "it did not stop");
  EXPECT_EQ(machine_.evidence(), Evidence::kVmmExit);
}

TEST_F(Suspension, OnlyACellThatHasFailedIsStartedAnew) {
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty());
  report(ReportKind::kPanicked);
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty()) << "its VMM is there";
  machine_.on_vmm_exit("status 0", 1000ms);
  EXPECT_THAT(machine_.start_anew().actions, Contains(Action::kStartVmm));
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty()) << "it starts already";
  report(ReportKind::kStarted);
  report(ReportKind::kOff);
  machine_.on_vmm_exit("status 0", 1000ms);
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty()) << "it has not failed";
}

TEST_F(Suspension, RaisesTheIncarnationToThatOfTheView) {
  machine_.raise_incarnation(4);
  EXPECT_EQ(machine_.incarnation(), 4U);
  machine_.raise_incarnation(2);
  EXPECT_EQ(machine_.incarnation(), 4U);
}

}  // namespace
}  // namespace hive::control
