// Faults within a cell, injected by the control socket, and what the machine makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Homes alpha and gamma, whose memory and guests are to survive all that befalls beta.
class GuestFaults : public MachineTest {
 protected:
  void start(const std::vector<micro::Action>& script, const std::string& keys) {
    machine_.add_key("faults: enabled");
    machine_.add_cell("alpha", std::vector{micro::halt()}, false, "shared: 4MiB");
    machine_.add_cell("beta", script, false, keys);
    machine_.add_cell("gamma", std::vector{micro::halt()}, false, "shared: 4MiB");
    ASSERT_NO_FATAL_FAILURE(bring_up());
    for (const char* cell : {"alpha", "gamma"}) {
      homes_.push_back(std::make_unique<Memory>(machine_.status(cell)["monitor_pid"], cell));
      ASSERT_TRUE(homes_.back()->is_there());
      homes_.back()->fill();
      before_.push_back(homes_.back()->copy());
    }
  }

  [[nodiscard]] Output inject(const std::vector<std::string>& words) const {
    return MachineTest::inject("beta", words);
  }

  void expect_survivors() const {
    for (const char* cell : {"alpha", "gamma"}) {
      const nlohmann::json status = machine_.await(cell, "running");
      EXPECT_EQ(status["state"], "running");
      EXPECT_EQ(status["incarnation"], 1);
    }
    for (std::size_t home = 0; home < homes_.size(); ++home) {
      EXPECT_TRUE(homes_[home]->copy() == before_[home]) << "home " << home;
    }
  }

  std::vector<std::unique_ptr<Memory>> homes_;
  std::vector<std::vector<unsigned char>> before_;
};

TEST_F(GuestFaults, ATripleFaultCostsTheCellAloneItsPlace) {
  start({micro::halt()}, "on_failure: reboot");
  const Output output = inject({"triple-fault"});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: triple-fault: vCPU 0 has an exception"),
                             HasSubstr("beta failed (triple fault"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, AHangIsFoundAndCostsTheCellAloneItsPlace) {
  start({micro::halt()}, "on_failure: reboot, watchdog: 2s");
  EXPECT_EQ(inject({"hang"}).status, 0);
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(),
              AllOf(HasSubstr("fault: hang: vCPU 0 hang"), HasSubstr(" with interrupts off"),
                    HasSubstr("beta failed (stuck vCPU)"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, AGuestThatStandsStillIsFoundAndCostsTheCellAloneItsPlace) {
  start({micro::halt()}, "on_failure: reboot, watchdog: 2s");
  ::sleep(6);
  EXPECT_THAT(story(), Not(HasSubstr("hang"))) << "a guest at rest";
  EXPECT_EQ(inject({"vcpu-stop"}).status, 0);
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: vcpu-stop: vCPU 0 stopped"),
                             HasSubstr("hang: no vCPU has been in the guest for "),
                             HasSubstr("beta failed (stuck vCPU)"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, AGuestThatHaltsForGoodIsFoundAndCostsTheCellAloneItsPlace) {
  start({}, "on_failure: reboot, watchdog: 2s");
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("hang: all vCPUs have halted with interrupts off, for "),
                             HasSubstr("beta failed (stuck vCPU)"), HasSubstr("beta left")));
  EXPECT_GE(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, AHomeThatFailsLosesItsMemoryAndItsPlaceAlone) {
  machine_.add_key("faults: enabled");
  machine_.add_cell("alpha", std::vector{micro::halt()}, false, "shared: 4MiB");
  machine_.add_cell("beta", std::vector{micro::halt()}, false, "shared: 4MiB, on_failure: reboot");
  machine_.add_cell("gamma", std::vector{micro::halt()}, false, "on_failure: reboot");
  ASSERT_NO_FATAL_FAILURE(bring_up());
  const Memory alpha(machine_.status("alpha")["monitor_pid"], "alpha");
  const Memory beta(machine_.status("beta")["monitor_pid"], "beta");
  ASSERT_TRUE(alpha.is_there() && beta.is_there());
  alpha.fill();
  beta.fill();
  const auto before = alpha.copy();
  EXPECT_THAT(MachineTest::inject("gamma", {"home-fail"}).err,
              HasSubstr("contributes no global memory"));
  EXPECT_EQ(inject({"home-fail"}).status, 0);
  EXPECT_TRUE(comes([&] { return beta.is_all(100, 0); }));
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: home-fail"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  EXPECT_EQ(machine_.status("alpha")["incarnation"], 1);
  EXPECT_TRUE(alpha.copy() == before);
}

TEST_F(GuestFaults, AVmmThatIsStoppedForGoodCostsTheCellAloneItsPlace) {
  start({micro::halt()}, "on_failure: reboot, watchdog: 2s");
  EXPECT_EQ(inject({"vmm-stop"}).status, 0);
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("hang: no vCPU has been in the guest for "),
                             HasSubstr("beta failed (stuck vCPU"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, LostPageTablesCostTheCellAloneItsPlace) {
  start({micro::loop(~std::uint64_t{0}, 1), micro::load(8, HIVE_MICRO_FREE)},
        "on_failure: reboot, watchdog: none");
  EXPECT_EQ(
      inject({"memory-corrupt", "where=page-table", "change=zero", "count=1000", "seed=5"}).status,
      0);
  EXPECT_TRUE(tells("beta joined"));
  EXPECT_THAT(story(), AllOf(HasSubstr("fault: memory-corrupt change=zero count=1000 seed=5 "
                                       "where=page-table: seed 5: 0x"),
                             HasSubstr("beta failed"), HasSubstr("beta left")));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 2);
  expect_survivors();
}

TEST_F(GuestFaults, MemoryIsTheGuestsOwnAlone) {
  start({micro::halt()}, "on_failure: leave");
  EXPECT_THAT(inject({"memory-corrupt", "where=physical", "address=0x100000000"}).err,
              HasSubstr("is not all RAM of the guest's own"));
  EXPECT_THAT(inject({"memory-corrupt", "where=text"}).err, HasSubstr("has no agent"));
  EXPECT_THAT(inject({"panic"}).err, HasSubstr("has no agent"));
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
  EXPECT_EQ(inject({"memory-corrupt", "where=physical", "address=0x300000", "length=4096",
                    "count=50", "change=random"})
                .status,
            0);
  EXPECT_THAT(story(), HasSubstr("fault: memory-corrupt address=0x300000"));
  EXPECT_EQ(machine_.status("beta")["state"], "running");
  expect_survivors();
}

TEST_F(GuestFaults, AnNmiIsTheGuestsToHandle) {
  std::vector<micro::Action> script{micro::spin()};
  for (const micro::Action& action : print("had an NMI")) script.push_back(action);
  script.push_back(micro::halt());
  start(script, "watchdog: none");
  EXPECT_EQ(inject({"nmi", "vcpu=0"}).status, 0);
  EXPECT_TRUE(comes([&] { return machine_.status("beta")["console_line"] == "had an NMI"; }));
  EXPECT_EQ(machine_.status("beta")["state"], "running");
  EXPECT_EQ(machine_.status("alpha")["view"]["epoch"], 1);
  expect_survivors();
}

TEST_F(GuestFaults, AVcpuStandsStillForAWhileAndHoldsNobodyUp) {
  constexpr std::uint64_t kTicks = 20'000'000;
  std::vector<micro::Action> line = print("tick");
  line.push_back(micro::await(0x30, 1, kTicks));
  std::vector<micro::Action> script{micro::loop(~std::uint64_t{0}, line.size())};
  script.insert(script.end(), line.begin(), line.end());
  start(script, "watchdog: none");
  const std::filesystem::path console = machine_.status("beta")["console_file"];
  const auto grows_beyond = [&](std::uintmax_t size) {
    return comes([&] { return std::filesystem::file_size(console) > size; });
  };
  EXPECT_TRUE(grows_beyond(20));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
  EXPECT_EQ(inject({"vcpu-stop", "for=6s"}).status, 0);
  ::usleep(500'000);  // For what is on its way.
  const std::uintmax_t size = std::filesystem::file_size(console);
  // Another one's failure is recovered from meanwhile: the guest can be suspended.
  EXPECT_EQ(machine_.hive({"inject", machine_.name() + "/gamma", "vmm-kill"}).status, 0);
  EXPECT_TRUE(tells("recovered: epoch 2"));
  // Where the host was so busy that the time is over, it may go on already.
  const bool stands = std::filesystem::file_size(console) == size;
  EXPECT_TRUE(stands || std::chrono::steady_clock::now() >= end);
  EXPECT_TRUE(grows_beyond(size));
  EXPECT_EQ(machine_.await("beta", "running")["incarnation"], 1);
}

TEST_F(GuestFaults, ComeWhenTheyAreDue) {
  start({micro::halt()}, "on_failure: leave");
  const Output later = inject({"hang", "at=3000s"});
  EXPECT_EQ(later.status, 0) << later.err;
  EXPECT_THAT(later.out, HasSubstr("hang will be injected"));
  EXPECT_EQ(inject({"nmi", "after=failed"}).status, 0);
  EXPECT_THAT(inject({"--pending"}).out,
              AllOf(HasSubstr("hang at=3000s: in "), HasSubstr("nmi after=failed: after an")));
  EXPECT_EQ(machine_.status("beta")["state"], "running");
  EXPECT_THAT(inject({"--cancel"}).out, HasSubstr("2 cancelled"));
  EXPECT_EQ(inject({"nmi", "after=failed"}).status, 0);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(inject({"triple-fault", "at=1s"}).status, 0);
  EXPECT_TRUE(tells("epoch 2: alpha, gamma; beta left"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_TRUE(tells("fault-not-done: nmi after=failed: the cell, which is failed, has no VMM"));
  EXPECT_THAT(inject({"--pending"}).out, HasSubstr("no fault waits"));
  expect_survivors();
}

TEST_F(GuestFaults, AreRefusedOrTakenBack) {
  start({micro::halt()}, "on_failure: leave");
  EXPECT_THAT(inject({"hang", "vcpu=1"}).err, HasSubstr("there is no vCPU 1: the cell has 1"));
  EXPECT_THAT(inject({"hang", "vcpu=x"}).err, HasSubstr("is no number of a vCPU"));
  EXPECT_THAT(inject({"hang", "every=1s"}).err, HasSubstr("every=TIME and times=N go together"));
  EXPECT_THAT(story(), Not(HasSubstr("fault")));
  EXPECT_NE(inject({"hang", "at=1h"}).status, 0);
  EXPECT_EQ(inject({"hang", "at=3000s"}).status, 0);
  EXPECT_THAT(inject({"--cancel"}).out, HasSubstr("1 cancelled"));
  EXPECT_EQ(machine_.hive({"pause", machine_.name() + "/beta"}).status, 0);
  EXPECT_THAT(inject({"hang"}).err, HasSubstr("the cell, which is paused, has no guest that runs"));
  expect_survivors();
}

}  // namespace
}  // namespace hive::test
