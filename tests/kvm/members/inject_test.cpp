// Faults that are injected by the control socket, and what the machine makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Three cells at rest.
class Injection : public MachineTest {
 protected:
  void start(bool faults = true) {
    if (faults) machine_.add_key("faults: enabled");
    for (const char* cell : {"alpha", "beta", "gamma"}) {
      machine_.add_cell(cell, std::vector{micro::halt()});
    }
    bring_up();
  }

  /// How often the story has WHAT.
  [[nodiscard]] int count(const std::string& what) const {
    const std::string all = story();
    int found = 0;
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) ++found;
    return found;
  }
};

TEST_F(Injection, IsRefusedWhereThePlanDoesNotAllowIt) {
  start(false);
  const Output output = inject("beta", {"vmm-kill"});
  EXPECT_NE(output.status, 0);
  EXPECT_THAT(output.err, HasSubstr("say `faults: enabled` in it"));
  EXPECT_EQ(machine_.status("beta")["state"], "running");
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
}

TEST_F(Injection, RefusesWhatIsNoFault) {
  start();
  EXPECT_THAT(inject("beta", {"explode"}).err, HasSubstr("unknown fault \"explode\""));
  EXPECT_THAT(inject("beta", {"vmm-stop", "for=ever"}).err, HasSubstr("\"ever\" is no time"));
  EXPECT_THAT(inject("beta", {"vmm-stop", "for"}).err, HasSubstr("write KEY=VALUE"));
  EXPECT_THAT(inject("beta", {"vmm-stop", "for=1s", "for=2s"}).err, HasSubstr("given twice"));
  EXPECT_THAT(inject("beta", {"false-accusation", "cell=beta"}).err, HasSubstr("no other cell"));
  EXPECT_THAT(machine_.hive({"inject"}).err, HasSubstr("hive inject --list"));
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
}

TEST_F(Injection, CutsACellsPower) {
  start();
  EXPECT_EQ(inject("beta", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("epoch 2: alpha, gamma; beta left"));
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: vmm-kill"), HasSubstr("beta failed (VMM exit)")));
  const Output again = inject("beta", {"vmm-kill"});
  EXPECT_NE(again.status, 0);
  EXPECT_THAT(again.err, HasSubstr("the cell, which is failed, has no VMM"));
}

TEST_F(Injection, OfAFalseAccuserCostsTheAccuserItsPlaceTheSecondTime) {
  start();
  EXPECT_EQ(inject("gamma", {"false-accusation", "cell=beta"}).status, 0);
  EXPECT_TRUE(tells("dismissal: beta stays, gamma was voted down"));
  EXPECT_TRUE(comes([&] { return machine_.status("beta")["view"]["suspended"] == false; }));
  EXPECT_EQ(machine_.status("gamma")["view"]["epoch"], 1);
  EXPECT_EQ(inject("gamma", {"false-accusation", "cell=beta"}).status, 0);
  EXPECT_TRUE(tells("epoch 2: alpha, beta; gamma left"));
  EXPECT_THAT(story(), HasSubstr("gamma failed (false accuser)"));
  for (const char* cell : {"alpha", "beta"}) {
    EXPECT_EQ(machine_.await(cell, "running")["incarnation"], 1);
  }
}

TEST_F(Injection, OfAHeartbeatThatStandsStillMakesTheOthersAskAndNoMore) {
  start();
  EXPECT_EQ(inject("beta", {"heartbeat-freeze"}).status, 0);
  // An answer that did not count would put beta out before the second question.
  EXPECT_TRUE(comes([&] { return count("hint: beta: late heartbeat; its monitor is asked") > 2; }));
  EXPECT_EQ(machine_.status("alpha")["view"]["epoch"], 1);
  EXPECT_EQ(machine_.status("beta")["view"]["member"], true);
}

TEST_F(Injection, StopsAMonitorForAWhile) {
  start();
  const auto pid = machine_.status("beta")["monitor_pid"].get<pid_t>();
  EXPECT_EQ(inject("beta", {"monitor-stop", "for=1500ms"}).status, 0);
  EXPECT_TRUE(comes([&] { return is_stopped(pid); }));
  EXPECT_TRUE(comes([&] { return !is_stopped(pid); }));
  EXPECT_THAT(story(), HasSubstr("fault: monitor-stop for=1500ms"));
}

TEST_F(Injection, OfALinkThatIsCutForAMomentIsNoFailure) {
  start();
  EXPECT_EQ(inject("alpha", {"mesh-cut", "cell=beta", "for=1s"}).status, 0);
  EXPECT_THAT(inject("alpha", {"mesh-cut", "cell=alpha"}).err, HasSubstr("no other cell"));
  ::sleep(4);
  EXPECT_THAT(story(),
              AllOf(HasSubstr("fault: mesh-cut cell=beta for=1s"), Not(HasSubstr("alert"))));
  EXPECT_EQ(inject("gamma", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("epoch 2: alpha, beta; gamma left"));
}

TEST_F(Injection, OfALinkThatIsCutForGoodCanBeEnded) {
  start();
  const std::vector<std::string> for_good{"mesh-cut", "cell=beta"};
  EXPECT_EQ(inject("alpha", for_good).status, 0);
  ::sleep(1);
  EXPECT_THAT(inject("alpha", for_good).err, HasSubstr("it is cut already"));
  EXPECT_THAT(inject("beta", {"mesh-cut", "cell=alpha", "for=1ms"}).err,
              HasSubstr("there is no link"))
      << "the other end has not cut it";
  EXPECT_EQ(inject("alpha", {"mesh-cut", "cell=beta", "for=1ms"}).status, 0);
  bool is_cut_again = false;  // Once is enough: the next would be refused.
  EXPECT_TRUE(comes([&] {
    is_cut_again = is_cut_again || inject("alpha", for_good).status == 0;
    return is_cut_again;
  })) << "it is linked again";
}

TEST_F(Injection, OfALinkThatIsCutIsDismissedByWhoSeesBothEnds) {
  start();
  EXPECT_EQ(inject("beta", {"mesh-cut", "cell=alpha", "for=8s"}).status, 0);
  EXPECT_THAT(inject("beta", {"mesh-cut", "cell=alpha"}).err, HasSubstr("there is no link"));
  EXPECT_TRUE(tells("link lost"));
  EXPECT_TRUE(tells("dismissal: "));
  for (const char* cell : {"alpha", "beta", "gamma"}) {
    EXPECT_TRUE(comes([&] { return machine_.status(cell)["view"]["suspended"] == false; }));
    EXPECT_EQ(machine_.status(cell)["view"]["epoch"], 1);
    EXPECT_EQ(machine_.await(cell, "running")["incarnation"], 1);
  }
  // The link is back: it takes both its ends to go on without the third.
  ::sleep(9);
  EXPECT_EQ(inject("gamma", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("epoch 2: alpha, beta; gamma left"));
  EXPECT_TRUE(tells("recovered: epoch 2"));
  for (const char* cell : {"alpha", "beta"}) {
    EXPECT_EQ(machine_.await(cell, "running")["incarnation"], 1);
  }
}

TEST_F(Injection, SpoilsPacketsBetweenCells) {
  start();
  EXPECT_EQ(inject("beta", {"rpc-drop", "cell=alpha", "share=20", "for=1s", "seed=3"}).status, 0);
  EXPECT_EQ(inject("beta", {"rpc-delay", "by=5ms"}).status, 0);
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: rpc-drop cell=alpha for=1s seed=3 share=20: seed 3"),
                             HasSubstr("fault: rpc-delay by=5ms: seed ")));
  EXPECT_EQ(inject("beta", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("beta left"));
  EXPECT_THAT(inject("beta", {"rpc-drop"}).err, HasSubstr("has no VMM"));
}

TEST_F(Injection, KillsAMonitorAndItsVmm) {
  start();
  const nlohmann::json beta = machine_.status("beta");
  EXPECT_EQ(inject("beta", {"monitor-kill"}).status, 0);
  EXPECT_TRUE(await_end(beta["monitor_pid"].get<pid_t>()));
  EXPECT_TRUE(await_end(beta["vmm_pid"].get<pid_t>()));
  EXPECT_TRUE(tells("beta failed (monitor's death)"));
}

TEST_F(Injection, OfAVmmThatIsStoppedCostsTheCellWhenTheOthersHaveToRecover) {
  start();
  const auto pid = machine_.status("beta")["vmm_pid"].get<pid_t>();
  EXPECT_EQ(inject("beta", {"vmm-stop"}).status, 0);
  EXPECT_TRUE(comes([&] { return is_stopped(pid); }));
  EXPECT_EQ(inject("gamma", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("its VMM has not stopped the guest within 5 s"));
  EXPECT_TRUE(tells("epoch 3: alpha; beta left"));
  EXPECT_EQ(machine_.await("alpha", "running")["incarnation"], 1);
}

}  // namespace
}  // namespace hive::test
