// Suspensions by monitors that agree, beside what clients ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cellmon/control/cell_machine.h"

namespace hive::control {
namespace {

using agree::Evidence;
using cell::ReportKind;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using std::chrono_literals::operator""ms;

class Suspension : public testing::Test {
 protected:
  Suspension() {
    machine_.start();
    machine_.on_report({ReportKind::kStarted, ""});
  }

  Step report(ReportKind kind) { return machine_.on_report({kind, ""}); }
  void suspend() {
    machine_.suspend();
    report(ReportKind::kPaused);
    EXPECT_TRUE(machine_.is_still());
  }

  CellMachine machine_{false};
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
  EXPECT_THAT(machine_.request_pause().actions, IsEmpty());
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
  EXPECT_THAT(machine_.end_suspension().actions, ElementsAre(Action::kResumeVmm));
  report(ReportKind::kResumed);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
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

TEST_F(Suspension, RaisesTheIncarnationToThatOfTheView) {
  machine_.raise_incarnation(4);
  EXPECT_EQ(machine_.incarnation(), 4U);
  machine_.raise_incarnation(2);
  EXPECT_EQ(machine_.incarnation(), 4U);
}

}  // namespace
}  // namespace hive::control
