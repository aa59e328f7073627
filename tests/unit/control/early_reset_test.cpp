// How the cell's machine treats guests that reset themselves soon after each start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cellmon/control/cell_machine.h"

namespace hive::control {
namespace {

using cell::ReportKind;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using std::chrono_literals::operator""ms;

/// A guest that is up and resets itself, LIVED after its VMM's start.
Step reset(CellMachine& machine, CellMachine::Milliseconds lived) {
  machine.on_report({ReportKind::kStarted, ""});
  machine.on_report({ReportKind::kReset, ""});
  return machine.on_vmm_exit("status 0", lived);
}

TEST(EarlyReset, WaitsEverLongerForAGuestThatResetsAgainAndAgain) {
  CellMachine machine(false);
  machine.start();
  EXPECT_THAT(reset(machine, 20ms).actions, Contains(Action::kStartVmm)) << "the first time";
  for (const auto wait : {1'000ms, 2'000ms, 4'000ms, 8'000ms, 16'000ms, 30'000ms, 30'000ms}) {
    const Incarnation old = machine.incarnation();
    const Step step = reset(machine, 20ms);
    EXPECT_THAT(step.actions, ElementsAre(Action::kDisarmDeadline, Action::kArmDeadline));
    ASSERT_EQ(step.events.size(), 1U);
    EXPECT_EQ(step.events[0].kind, "restart-delayed");
    EXPECT_EQ(machine.deadline(), wait);
    EXPECT_EQ(machine.state(), CellState::kRebooting);
    EXPECT_EQ(machine.incarnation(), old);
    EXPECT_THAT(machine.on_deadline().actions, Contains(Action::kStartVmm));
    EXPECT_EQ(machine.incarnation(), old + 1);
  }
}

TEST(EarlyReset, ForgetsEarlyResetsOfAGuestThatRanOn) {
  CellMachine machine(false);
  machine.start();
  reset(machine, 20ms);
  EXPECT_THAT(reset(machine, CellMachine::kEarlyReset).actions, Contains(Action::kStartVmm));
  EXPECT_THAT(reset(machine, 20ms).actions, Contains(Action::kStartVmm));
}

TEST(EarlyReset, RebootsAtOnceOnRequestWhileAStartWaits) {
  CellMachine machine(false);
  machine.start();
  reset(machine, 20ms);
  reset(machine, 20ms);
  const Step step = machine.request_reboot(false, 10ms);
  EXPECT_EQ(machine.refusal(), "");
  EXPECT_THAT(step.actions, ElementsAre(Action::kArmDeadline, Action::kStartVmm));
  EXPECT_THAT(reset(machine, 20ms).actions, Contains(Action::kStartVmm)) << "counted anew";
}

TEST(EarlyReset, GoesDownWhileAStartWaits) {
  CellMachine machine(false);
  machine.start();
  reset(machine, 20ms);
  reset(machine, 20ms);
  EXPECT_THAT(machine.request_down(false, 10ms).actions,
              ElementsAre(Action::kDisarmDeadline, Action::kFinish));
  EXPECT_EQ(machine.state(), CellState::kStopped);
  EXPECT_THAT(machine.on_deadline().actions, IsEmpty());
}

}  // namespace
}  // namespace hive::control
