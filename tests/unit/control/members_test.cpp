// Monitors of one machine that agree who is a member, over real sockets and scripted VMMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/control/trio.h"

namespace hive::control {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Members, AreAllThatTheMachineWasStartedWith) {
  const Trio trio({"report started", "report started", "report started"});
  trio.await_running();
  const wire::CellStatus status = trio.status("beta");
  EXPECT_EQ(status.view.epoch, 1U);
  EXPECT_TRUE(status.view.member);
  EXPECT_THAT(members_of(status), ElementsAre("alpha 1", "beta 1", "gamma 1"));
  EXPECT_EQ(status.view.watched.size(), 2U);
  EXPECT_THAT(status.view.suspects, IsEmpty());
}

TEST(Members, GoWhenTheirVmmsEndAndComeBackWhenTheyAreStartedAnew) {
  const Trio trio({"report started", "report started", "report started"});
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  for (const char* cell : {"alpha", "gamma"}) {
    const wire::CellStatus status = trio.await_epoch(cell, 2);
    EXPECT_THAT(members_of(status), ElementsAre("alpha 1", "gamma 1"));
    EXPECT_EQ(status.state, CellState::kRunning);
    EXPECT_THAT(trio.events(cell), Contains("alert: about beta"));
    EXPECT_THAT(trio.events(cell), Contains(HasSubstr("view: epoch 2: alpha, gamma; beta left")));
    EXPECT_THAT(trio.events(cell), Contains(HasSubstr("resumed: the guest was ")));
    EXPECT_THAT(trio.events(cell), Not(Contains(HasSubstr("paused"))));
  }
  trio.await_event_of_any({"alpha", "beta", "gamma"},
                          AllOf(HasSubstr("vote: "), HasSubstr("(VMM exit)")));
  const wire::CellStatus beta =
      trio.await("beta", [](const auto& now) { return !now.view.member; });
  EXPECT_EQ(beta.state, CellState::kFailed);
  EXPECT_THAT(trio.events("beta"), Contains("hint: beta: VMM exit"));

  EXPECT_EQ(trio.connect("beta").call("reboot", Json::object(), kPatience)["incarnation"], 2);
  trio.await("beta", [](const auto& now) { return now.state == CellState::kRunning; });
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_THAT(members_of(trio.await_epoch(cell, 3)), ElementsAre("alpha 1", "beta 2", "gamma 1"));
  }
}

TEST(Members, AreStartedThatWereToRebootDuringTheVote) {
  // Nobody votes before its guest stands still.
  const Trio trio({"slow 1500;report started", "report started", "slow 1500;report started"});
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  trio.await("beta", [](const auto& now) { return now.state == CellState::kFailed; });
  trio.await("alpha", [](const auto& now) { return now.view.suspended || now.view.epoch > 1; });
  EXPECT_EQ(trio.connect("beta").call("reboot", Json::object(), kPatience)["incarnation"], 2);
  const wire::CellStatus beta = trio.await("beta", [](const auto& now) {
    return now.state == CellState::kRunning || now.state == CellState::kFailed;
  });
  EXPECT_EQ(beta.state, CellState::kRunning) << beta.cause;
  EXPECT_TRUE(beta.view.member);
}

TEST(Members, GoWhenTheirGuestsPanic) {
  const Trio trio({"report started", "report started",
                   "report started;sleep 500;report panicked;sleep 20;exit 0"});
  EXPECT_THAT(members_of(trio.await_epoch("alpha", 2)), ElementsAre("alpha 1", "beta 1"));
  trio.await_event_of_any({"alpha", "beta", "gamma"},
                          AllOf(HasSubstr("vote: "), HasSubstr("(panic)")));
  trio.await("gamma", [](const auto& now) { return now.state == CellState::kPanicked; });
}

TEST(Members, DecideWithoutOneWhoseGuestCannotBeStoppedAndRecoverWithoutItsCell) {
  const Trio trio({"deaf;report started", "report started",
                   "report started;sleep 500;report triple-fault;sleep 20;exit 0"});
  EXPECT_THAT(members_of(trio.await_epoch("beta", 3)), ElementsAre("beta 1"));
  EXPECT_THAT(trio.events("beta"), Contains(HasSubstr("view: epoch 2: alpha, beta; gamma left")));
  EXPECT_THAT(trio.events("beta"), Contains(HasSubstr("recovered: epoch 3: ")));
  EXPECT_EQ(trio.status("beta").state, CellState::kRunning);
  const wire::CellStatus alpha =
      trio.await("alpha", [](const auto& now) { return now.state == CellState::kFailed; });
  EXPECT_THAT(alpha.cause, HasSubstr("its VMM has not stopped the guest"));
}

TEST(Members, RecoverInStepsOfWhichTheyTell) {
  const Trio trio({"report started", "report started", "report started"});
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  for (const char* cell : {"alpha", "gamma"}) {
    trio.await_epoch(cell, 2);
    std::vector<std::string> steps;
    for (const std::string& event : trio.events(cell)) {
      if (event.rfind("recovery: epoch 2, ", 0) == 0) {
        steps.push_back(event.substr(19, event.find(':', 19) - 19));
      }
    }
    EXPECT_THAT(steps, ElementsAre("suspend", "stop", "close", "revoke", "discard", "generations",
                                   "resume"));
    EXPECT_THAT(trio.events(cell),
                Contains(HasSubstr("stop: beta can do nothing here any more; took ")));
  }
  trio.await("alpha", [&](const auto&) {
    return testing::Value(trio.events("alpha"), Contains(HasSubstr("recovered: epoch 2: all ")));
  });
}

TEST(Members, AreStartedAnewWhereThePlanSaysSo) {
  const Trio trio({"report started", "report started", "report started"}, plan::OnFailure::kReboot);
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_THAT(members_of(trio.await_epoch(cell, 3)), ElementsAre("alpha 1", "beta 2", "gamma 1"));
  }
  const wire::CellStatus beta =
      trio.await("beta", [](const auto& now) { return now.state == CellState::kRunning; });
  EXPECT_EQ(beta.incarnation, 2U);
  // The lowest cell brings others back; when it fails itself, the next one does.
  ::kill(static_cast<pid_t>(trio.status("alpha").vmm_pid), SIGKILL);
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_THAT(members_of(trio.await_epoch(cell, 5)), ElementsAre("alpha 2", "beta 2", "gamma 1"));
  }
  trio.await("alpha", [](const auto& now) { return now.state == CellState::kRunning; });
}

TEST(Members, AllGoDownWhereAFailureIsToStopTheMachine) {
  Trio trio({"report started", "report started", "report started"}, plan::OnFailure::kStopMachine);
  trio.await_running();
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  trio.join();
}

TEST(Members, AreLeftAloneThatWereTakenDown) {
  const Trio trio({"report started", "report started", "report started"},
                  plan::OnFailure::kStopMachine);
  trio.await_running();
  trio.connect("gamma").call("down", {{"force", true}}, kPatience);
  EXPECT_THAT(members_of(trio.await_epoch("alpha", 2)), ElementsAre("alpha 1", "beta 1"));
  trio.await("alpha", [&](const auto&) {
    return testing::Value(trio.events("alpha"), Contains(HasSubstr("recovered: epoch 2: all ")));
  });
  EXPECT_EQ(trio.status("alpha").state, CellState::kRunning);
  EXPECT_THAT(trio.events("alpha"), Not(Contains(HasSubstr("stop-machine"))));
}

TEST(Members, StayWhenTheirGuestsEndAsTheyShould) {
  const Trio trio({"report started", "report started;report off;exit 0", "report started"});
  trio.await("beta", [](const auto& now) { return now.state == CellState::kOff; });
  // Whatever was held against beta is told before this decision, or decided with it.
  ::kill(static_cast<pid_t>(trio.status("gamma").vmm_pid), SIGKILL);
  EXPECT_THAT(members_of(trio.await_epoch("alpha", 2)), ElementsAre("alpha 1", "beta 1"));
  for (const char* cell : {"alpha", "beta"}) {
    EXPECT_THAT(trio.events(cell), Not(Contains(HasSubstr("alert: about beta"))));
  }
}

TEST(Members, KeepAPauseThroughASuspension) {
  const Trio trio({"report started", "report started", "report started"});
  trio.await_running();
  trio.connect("alpha").call("pause", Json::object(), kPatience);
  ::kill(static_cast<pid_t>(trio.status("beta").vmm_pid), SIGKILL);
  EXPECT_EQ(trio.await_epoch("alpha", 2).state, CellState::kPaused);
  trio.connect("alpha").call("resume", Json::object(), kPatience);
  EXPECT_EQ(trio.status("alpha").state, CellState::kRunning);
}

}  // namespace
}  // namespace hive::control
