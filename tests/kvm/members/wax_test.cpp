// A machine with Wax: its incarnations, and what it does to others when it is not itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "cellmon/cli/rpc_client.h"
#include "tests/kvm/run/machine_test.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Two cells at rest, and Wax.
class WaxMachine : public MachineTest {
 protected:
  void start(const std::string& keys = {}) {
    machine_.add_key("faults: enabled");
    for (const char* cell : {"alpha", "beta"}) {
      machine_.add_cell(cell, std::vector{micro::halt()}, false, keys);
    }
    machine_.add_wax("balance");
    bring_up();
  }

  /// The value of CELL's sample of metric NAME with LABEL as the value of some label; -1: none.
  [[nodiscard]] double metric(const std::string& cell, const std::string& name,
                              const std::string& label = {}) const {
    const Output output = machine_.hive({"metrics", machine_.name() + "/" + cell, "--json"});
    const auto all = nlohmann::json::parse(output.out, nullptr, false);
    if (all.is_discarded()) return -1;
    for (const auto& sample : all["machines"][0]["cells"][0]["metrics"]) {
      if (sample.at("name") != name) continue;
      bool matches = label.empty();
      for (const auto& value : sample.at("labels")) matches = matches || value == label;
      if (matches) return sample.at("value").get<double>();
    }
    return -1;
  }

  [[nodiscard]] int incarnation() const {
    const auto status = machine_.status("wax");
    return status.contains("incarnation") ? status["incarnation"].get<int>() : 0;
  }
  /// Whether an incarnation after LAST does rounds, within a minute.
  [[nodiscard]] bool another_works(int last) const {
    return comes([&] { return incarnation() > last && metric("wax", "hive_wax_rounds") >= 2; });
  }
};

TEST_F(WaxMachine, HasWaxDoRounds) {
  start();
  EXPECT_TRUE(comes([&] { return metric("wax", "hive_wax_rounds") >= 4; }));
  EXPECT_EQ(machine_.status("wax")["policy"], "balance");
  EXPECT_EQ(machine_.status("alpha")["policy"], "");
  EXPECT_THAT(machine_.hive({"status", machine_.name()}).out, HasSubstr("Wax, policy balance"));
  EXPECT_EQ(metric("wax", "hive_wax_hints_total", "malformed"), 0);
}

TEST_F(WaxMachine, StartsTheNextWithoutAWordToTheOthers) {
  start();
  for (int round = 0; round < 5; ++round) {
    const int last = incarnation();
    ASSERT_EQ(inject("wax", {"vmm-kill"}).status, 0);
    ASSERT_TRUE(another_works(last)) << round << "\n" << story();
  }
  EXPECT_THAT(story(), AllOf(HasSubstr("the last one has failed"), Not(HasSubstr("alert"))));
  EXPECT_EQ(machine_.status("alpha")["view"]["epoch"], 1);
}

TEST_F(WaxMachine, StartsTheNextForEachView) {
  start("on_failure: reboot");
  const int last = incarnation();
  ASSERT_EQ(inject("alpha", {"vmm-kill"}).status, 0);
  // Alpha may be back before Wax is.
  EXPECT_TRUE(tells("has followed its own, 1: the next incarnation starts"));
  EXPECT_TRUE(comes([&] { return machine_.status("wax")["view"]["epoch"] == 3; }));
  EXPECT_TRUE(another_works(last));
  EXPECT_EQ(machine_.await("alpha", "running")["state"], "running");
}

TEST_F(WaxMachine, StartsTheNextWhereOneHangs) {
  start();
  const int last = incarnation();
  ASSERT_EQ(inject("wax", {"vmm-stop"}).status, 0);
  EXPECT_TRUE(another_works(last)) << story();
  EXPECT_THAT(story(), HasSubstr("it has done no round for "));
}

TEST_F(WaxMachine, OutlivesTheMonitorOfWax) {
  start();
  const int last = incarnation();
  ASSERT_EQ(inject("wax", {"monitor-kill"}).status, 0);
  EXPECT_TRUE(another_works(last)) << story();
  EXPECT_EQ(machine_.status("alpha")["state"], "running");
  EXPECT_EQ(machine_.status("beta")["state"], "running");
}

TEST_F(WaxMachine, TakesNoHarmFromGarbage) {
  start();
  const int last = incarnation();
  ASSERT_EQ(inject("wax", {"wax-garbage", "for=3s", "seed=5"}).status, 0);
  EXPECT_TRUE(tells("wax: a rogue takes its place"));
  EXPECT_TRUE(comes([&] { return metric("alpha", "hive_hints_refused_total", "reserve") > 0; }));
  EXPECT_TRUE(comes([&] { return metric("wax", "hive_wax_hints_total", "stale") > 0; }));
  EXPECT_TRUE(tells("wax: the rogue's time is over"));
  EXPECT_TRUE(another_works(last + 1));
  EXPECT_THAT(story(), Not(HasSubstr("alert")));
  for (const char* cell : {"alpha", "beta"}) {
    EXPECT_EQ(machine_.status(cell)["state"], "running");
    // What it has set goes with it.
    EXPECT_TRUE(comes([&] { return machine_.status(cell)["cpu"]["weight"] == 100; }));
  }
}

TEST_F(WaxMachine, TakesNoHarmFromAFlood) {
  start();
  ASSERT_EQ(inject("wax", {"wax-flood", "for=2s"}).status, 0);
  EXPECT_TRUE(comes([&] { return metric("wax", "hive_wax_hints_total", "too-many") > 0; }));
  EXPECT_TRUE(comes([&] { return metric("alpha", "hive_hints_followed_total") > 0; }));
  EXPECT_TRUE(tells("wax: the rogue's time is over"));
  EXPECT_THAT(story(), Not(HasSubstr("alert")));
}

TEST_F(WaxMachine, GoesDownAtOnce) {
  start();
  auto client = cli::RpcClient::connect({::geteuid(), machine_.name(), "wax"});
  ASSERT_TRUE(client.has_value());
  const auto start = std::chrono::steady_clock::now();
  const auto answer = client->call("down", {{"force", false}}, std::chrono::seconds(60));
  EXPECT_TRUE(answer["clean"].get<bool>());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10))
      << "as long as a guest may take";
}

TEST_F(WaxMachine, StaysAsItIsWhileSomebodyHoldsIt) {
  start("on_failure: reboot");
  ASSERT_EQ(machine_.hive({"pause", machine_.name() + "/wax"}).status, 0);
  const int last = incarnation();
  ASSERT_EQ(inject("alpha", {"vmm-kill"}).status, 0);
  EXPECT_TRUE(comes([&] { return machine_.status("beta")["view"]["epoch"] == 3; }));
  ::usleep(500'000);
  EXPECT_EQ(machine_.status("wax")["state"], "paused");
  EXPECT_EQ(incarnation(), last);
  ASSERT_EQ(machine_.hive({"resume", machine_.name() + "/wax"}).status, 0);
  EXPECT_TRUE(another_works(last));
}

TEST_F(WaxMachine, HasNoRogueElsewhere) {
  start();
  EXPECT_THAT(inject("alpha", {"wax-flood"}).err, HasSubstr("the cell does not run Wax"));
}

}  // namespace
}  // namespace hive::test
