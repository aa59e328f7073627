// Pauses and resumes that a VMM answers late, or never.
#include <gmock/gmock.h>

#include "tests/unit/control/running_cell.h"

namespace hive::control {
namespace {

using cell::ReportKind;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using std::chrono_literals::operator""ms;

using Hold = RunningCell;

TEST_F(Hold, HasADeadlineThatItsAnswerEnds) {
  EXPECT_THAT(machine_.request_pause().actions, Contains(Action::kArmDeadline));
  EXPECT_EQ(machine_.deadline(), CellMachine::kHoldLimit);
  EXPECT_THAT(report(ReportKind::kPaused).actions, ElementsAre(Action::kDisarmDeadline));
  EXPECT_THAT(machine_.request_resume().actions, Contains(Action::kArmDeadline));
  EXPECT_THAT(report(ReportKind::kResumed).actions, ElementsAre(Action::kDisarmDeadline));
  EXPECT_EQ(machine_.hold_fault(), "");
}

TEST_F(Hold, IsAFaultThatKillsNobodyWhenItIsNotAnswered) {
  machine_.request_pause();
  const Step step = machine_.on_deadline();
  EXPECT_THAT(step.actions, IsEmpty());
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "no-answer");
  EXPECT_EQ(machine_.hold_fault(), "the VMM has not paused the cell within 5 s");
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Hold, TakesALateAnswer) {
  machine_.request_pause();
  machine_.on_deadline();
  report(ReportKind::kPaused);
  EXPECT_EQ(machine_.state(), CellState::kPaused);
  EXPECT_EQ(machine_.hold_fault(), "");
  machine_.request_resume();
  machine_.on_deadline();
  EXPECT_EQ(machine_.hold_fault(), "the VMM has not resumed the cell within 5 s");
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Hold, EndsInAFaultWhenTheVmmCannotPause) {
  machine_.request_pause();
  const Step step = machine_.on_report({ReportKind::kNotPaused, "a vCPU stays"});
  EXPECT_THAT(step.actions, ElementsAre(Action::kDisarmDeadline));
  ASSERT_EQ(step.events.size(), 1U);
  EXPECT_EQ(step.events[0].kind, "not-paused");
  EXPECT_EQ(machine_.hold_fault(), "the cell was not paused: a vCPU stays");
  EXPECT_EQ(machine_.state(), CellState::kRunning);
  EXPECT_THAT(machine_.request_pause().actions, Contains(Action::kPauseVmm));
  EXPECT_EQ(machine_.hold_fault(), "");
}

TEST_F(Hold, OutlivesAPauseThatFailsWhenItIsToGoOnAnyway) {
  machine_.request_pause();
  machine_.request_resume();
  EXPECT_THAT(report(ReportKind::kNotPaused).actions, IsEmpty());
  EXPECT_EQ(machine_.hold_fault(), "");
  EXPECT_THAT(report(ReportKind::kResumed).actions, ElementsAre(Action::kDisarmDeadline));
}

TEST_F(Hold, CanBeAskedForAgain) {
  machine_.request_pause();
  machine_.on_deadline();
  EXPECT_THAT(machine_.request_pause().actions,
              ElementsAre(Action::kPauseVmm, Action::kArmDeadline));
  EXPECT_EQ(machine_.hold_fault(), "");
}

TEST_F(Hold, WaitsForTheLastThatWasAskedFor) {
  machine_.request_pause();
  machine_.request_resume();
  EXPECT_THAT(report(ReportKind::kPaused).actions, Not(Contains(Action::kDisarmDeadline)));
  EXPECT_THAT(report(ReportKind::kResumed).actions, Contains(Action::kDisarmDeadline));
  EXPECT_EQ(machine_.state(), CellState::kRunning);
}

TEST_F(Hold, LeavesTheDeadlineOfAGuestThatIsToEnd) {
  machine_.request_pause();
  machine_.request_down(false, 100ms);
  EXPECT_EQ(machine_.deadline(), 100ms);
  EXPECT_THAT(report(ReportKind::kResumed).actions, IsEmpty());
  EXPECT_THAT(machine_.on_deadline().actions, Contains(Action::kKillVmm));
}

TEST_F(Hold, IsForgottenWithItsVmm) {
  machine_.request_pause();
  machine_.on_deadline();
  machine_.on_vmm_exit("signal 9", 60'000ms);
  machine_.request_reboot(false, 100ms);
  EXPECT_EQ(machine_.hold_fault(), "");
}

}  // namespace
}  // namespace hive::control
