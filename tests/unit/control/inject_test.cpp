// Faults that a monitor asks its VMM for, and faults that come later.
#include <gmock/gmock.h>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

/// A cell of a machine that allows faults.
class FaultyCell : public TestCell {
 public:
  explicit FaultyCell(const std::string& script, bool agent = true, std::uint64_t shared = 0)
      : TestCell(script, agent, HIVE_FAKE_VMM, false, {}, true, shared) {}
};

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using wire::CellState;

constexpr const char* kRuns = "report started";

/// Why FAULT is refused; empty where it is not.
std::string refusal(TestClient& client, const std::string& fault, const Json& parameters) {
  try {
    client.call("inject", {{"fault", fault}, {"parameters", parameters}}, kPatience);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Whether the monitor says that FAULT is not done, and will not be.
bool is_refused_for_certain(TestClient& client, const std::string& fault, const Json& parameters) {
  try {
    client.call("inject", {{"fault", fault}, {"parameters", parameters}}, kPatience);
  } catch (const cli::RequestRefused&) {
    return true;
  } catch (const Error&) {
    return false;
  }
  ADD_FAILURE() << fault << " is done";
  return false;
}

/// The cell's events, a line for each.
std::string story(TestClient& client) {
  std::string text;
  const Json list = client.call("events.list", Json::object(), kPatience);
  for (const Json& event : list["events"]) {
    text += event["kind"].get<std::string>() + ": " + event["detail"].get<std::string>() + "\n";
  }
  return text;
}

/// Waits until the story has TEXT; the story then.
std::string await(TestClient& client, const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string now = story(client);
  while (now.find(text) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
    ::usleep(2000);
    now = story(client);
  }
  return now;
}

TEST(Inject, HasTheVmmDoIt) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "vcpu-stop", {{"vcpu", "0"}, {"for", "20ms"}}), "");
  EXPECT_THAT(story(client), AllOf(HasSubstr("fault: vcpu-stop for=20ms vcpu=0: "),
                                   HasSubstr(R"("fault":"vcpu-stop")"), HasSubstr(R"("vcpu":0)"),
                                   HasSubstr(R"("for_ms":20)")));
}

TEST(Inject, TellsWhyTheVmmDoesNotDoIt) {
  const FaultyCell cell("report started; faults refused", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "nmi", Json::object()), HasSubstr("no such vCPU"));
  EXPECT_THAT(story(client), Not(HasSubstr("fault")));
}

TEST(Inject, RefusesWhatTheCellHasNot) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "hang", {{"vcpu", "1"}}), HasSubstr("no vCPU 1: the cell has 1"));
  EXPECT_THAT(refusal(client, "hang", {{"vcpu", "1"}, {"at", "1s"}}), HasSubstr("no vCPU 1"));
  EXPECT_THAT(refusal(client, "hang", {{"every", "1s"}}), HasSubstr("go together"));
  client.call("pause", Json::object(), kPatience);
  EXPECT_THAT(refusal(client, "hang", Json::object()),
              HasSubstr("the cell, which is paused, has no guest that runs"));
  EXPECT_THAT(story(client), Not(HasSubstr("fault")));
}

TEST(Inject, RefusesAFaultOfADeadCell) {
  const FaultyCell cell("report started; exit 3", false);
  cell.await(CellState::kFailed);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "triple-fault", Json::object()),
              HasSubstr("the cell, which is failed, has no VMM"));
}

TEST(Inject, DrawsFromASeed) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "memory-corrupt",
                    {{"where", "physical"},
                     {"address", "0x1000"},
                     {"length", "64"},
                     {"count", "3"},
                     {"change", "zero"},
                     {"seed", "7"},
                     {"every", "200ms"},
                     {"times", "2"}}),
            "");
  const std::string text = await(client, R"("seed":8)");
  EXPECT_THAT(text, AllOf(HasSubstr(R"("ranges":[[4096,64]],"seed":7,"where":"physical"})"),
                          HasSubstr(R"("seed":8)")));
}

TEST(Inject, AsksTheAgentWhereThingsAre) {
  const FaultyCell cell("agent; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "memory-corrupt", {{"where", "text"}, {"seed", "1"}}), "");
  EXPECT_THAT(story(client), HasSubstr(R"("ranges":[[1048576,4096],[2097152,8192]],"seed":1,)"
                                       R"("where":"physical"})"));
  EXPECT_THAT(refusal(client, "memory-corrupt", {{"where", "process"}, {"process", "vim"}}),
              HasSubstr("the agent: there is no process vim"));
}

TEST(Inject, AsksTheAgentWhereTheTreesOfAProcessAre) {
  const FaultyCell cell("agent; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  for (const char* tree : {"address-map", "cow-tree"}) {
    EXPECT_EQ(refusal(client, "memory-corrupt",
                      {{"where", tree}, {"process", "vim"}, {"change", "dangling"}, {"seed", "1"}}),
              "");
    EXPECT_THAT(refusal(client, "memory-corrupt", {{"where", tree}, {"process", "17"}}),
                HasSubstr("the agent: no " + std::string(tree) + " of 17"));
  }
  EXPECT_THAT(story(client), HasSubstr(R"("ranges":[[12288,8]],"seed":1,"where":"physical"})"));
  EXPECT_THAT(story(client), HasSubstr(R"("ranges":[[16384,16]],"seed":1,"where":"physical"})"));
}

TEST(Inject, HasTheKernelPanic) {
  const FaultyCell cell("agent; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "panic", Json::object()), "");
  cell.await(CellState::kPanicked);
  EXPECT_THAT(story(client), HasSubstr("fault: panic\n"));
}

TEST(Inject, AsksAMuteAgentForPanicsAsOftenAsAnybodyLikes) {
  const FaultyCell cell("report started; pong");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  for (unsigned count = 0; count <= HIVE_AGENT_MAX_SESSIONS; ++count) {
    EXPECT_EQ(refusal(client, "panic", Json::object()), "") << count;
  }
}

TEST(Inject, HasTheGuestWriteWildly) {
  const FaultyCell cell("agent; report started", true, 2 << 20);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "wild-writes", {{"target", "all"}, {"count", "10"}, {"seed", "7"}}),
            "");
  EXPECT_THAT(await(client, "fault-over"),
              AllOf(HasSubstr("fault: wild-writes count=10 seed=7 target=all: seed 7\n"),
                    HasSubstr("fault-over: wild-writes count=10 seed=7 target=all: seed 7: 9 words "
                              "stored, 1 stores denied")));
  EXPECT_EQ(refusal(client, "wild-writes", {{"target", "own"}}), "");
  EXPECT_THAT(await(client, "not-done"),
              HasSubstr("fault-not-done: wild-writes target=own: seed "));
  EXPECT_THAT(story(client), HasSubstr(": none is there\n"));
}

TEST(Inject, HasNobodyWriteWildlyWhereThereIsNoGlobalMemory) {
  const FaultyCell cell("agent; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "wild-writes", {{"target", "all"}}),
              HasSubstr("the machine has no global memory; give cells some by `shared:`"));
  EXPECT_THAT(story(client), Not(HasSubstr("fault")));
}

TEST(Inject, TellsOfWildWritesThatEndWithTheGuest) {
  const FaultyCell cell("agent; report started", true, 2 << 20);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "wild-writes", {{"target", "others"}, {"count", "13"}}), "");
  EXPECT_THAT(refusal(client, "wild-writes", {{"target", "others"}}),
              HasSubstr("the wild writes before are not over"));
  EXPECT_EQ(refusal(client, "vmm-kill", Json::object()), "");
  EXPECT_THAT(await(client, "fault-over"), HasSubstr("the agent is gone, and has told no counts"));
}

TEST(Inject, TellsWhyTheKernelDoesNotPanic) {
  const FaultyCell cell("faults refused; agent; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "panic", Json::object()), "");
  EXPECT_THAT(await(client, "not-done"), HasSubstr("fault-not-done: panic: no trigger"));
}

TEST(Inject, RefusesWhatTakesAnAgentWhereThereIsNone) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  for (const char* where : {"text", "data"}) {
    EXPECT_THAT(refusal(client, "memory-corrupt", {{"where", where}}),
                HasSubstr("the guest has no agent that could be asked: the plan gives the cell"));
  }
  EXPECT_THAT(refusal(client, "panic", Json::object()), HasSubstr("has no agent"));
  EXPECT_THAT(story(client), Not(HasSubstr("fault")));
}

TEST(Inject, DoesNotWaitForADeafVmmForEver) {
  const FaultyCell cell("report started; deaf", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "nmi", Json::object()), HasSubstr("not answered within 5 s"));
  EXPECT_THAT(refusal(client, "nmi", Json::object()), HasSubstr("to the fault before"));
  EXPECT_THAT(story(client), Not(HasSubstr("fault")));
}

TEST(Inject, LeavesOpenWhatAVmmDoesThatDoesNotAnswer) {
  const FaultyCell cell("report started; deaf", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_TRUE(is_refused_for_certain(client, "nmi", {{"vcpu", "9"}}));
  EXPECT_EQ(refusal(client, "nmi", {{"at", "1ms"}}), "");
  EXPECT_THAT(await(client, "fault-unknown: nmi"), HasSubstr("may do it later"));
  const FaultyCell other("report started; deaf", false);
  other.await(CellState::kRunning);
  TestClient its = other.connect();
  EXPECT_FALSE(is_refused_for_certain(its, "nmi", Json::object()));
}

TEST(Inject, LeavesOpenWhatAVmmHasDoneThatEnds) {
  const FaultyCell cell("report started; faults exit", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_FALSE(is_refused_for_certain(client, "triple-fault", Json::object()));
}

TEST(Inject, GivesTheVmmItsTimeAfterAnAgentThatTookLong) {
  const FaultyCell cell("agent; late 2600 2600; report started");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "memory-corrupt", {{"where", "text"}, {"seed", "1"}}), "");
}

TEST(Inject, IsFreeAgainAfterAnAgentThatDoesNotAnswer) {
  const FaultyCell cell("report started;pong");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_THAT(refusal(client, "memory-corrupt", {{"where", "text"}}),
              HasSubstr("the guest's agent has not answered within 5 s"));
  EXPECT_EQ(refusal(client, "nmi", Json::object()), "");
  EXPECT_THAT(story(client), Not(HasSubstr("memory-corrupt")));
}

TEST(Inject, ComesAtItsTimeAndAgain) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "nmi", {{"at", "20ms"}, {"every", "200ms"}, {"times", "3"}}), "");
  const auto count = [&] {
    const std::string text = story(client);
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find("fault: nmi", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (count() < 3 && std::chrono::steady_clock::now() < deadline) ::usleep(2000);
  ::usleep(400'000);
  EXPECT_EQ(count(), 3U) << story(client);
}

TEST(Inject, ComesAfterAnEvent) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "nmi", {{"after", "running"}}), "");
  const Json pending = client.call("inject.pending", Json::object(), kPatience)["pending"];
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(TestCell::status(client).pending_faults, 1U);
  EXPECT_EQ(pending[0], "nmi after=running: after an event running");
  client.call("pause", Json::object(), kPatience);
  EXPECT_THAT(story(client), Not(HasSubstr("nmi")));
  client.call("resume", Json::object(), kPatience);
  EXPECT_THAT(await(client, "nmi"), HasSubstr("fault: nmi after=running: "));
  EXPECT_EQ(TestCell::status(client).pending_faults, 0U);
}

TEST(Inject, TellsWhenItCannotBeDoneThen) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "nmi", {{"after", "failed"}}), "");
  EXPECT_EQ(refusal(client, "vmm-kill", Json::object()), "");
  EXPECT_THAT(await(client, "not-done"),
              HasSubstr("fault-not-done: nmi after=failed: the cell, which is failed, has no VMM"));
}

/// Cancels a fault that is to come AT milliseconds later, and one that never would. False where the
/// first one came before that.
bool cancel_before(unsigned at) {
  const FaultyCell cell(kRuns, false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(refusal(client, "nmi", {{"at", std::to_string(at) + "ms"}}), "");
  EXPECT_EQ(refusal(client, "nmi", {{"after", "running"}}), "");
  const Json cancelled = client.call("inject.cancel", Json::object())["cancelled"];
  EXPECT_TRUE(client.call("inject.pending", Json::object())["pending"].empty());
  if (cancelled == 1) return false;
  EXPECT_EQ(cancelled, 2);
  ::usleep(2 * at * 1000);
  EXPECT_THAT(story(client), AllOf(HasSubstr("faults-cancelled: 2"), Not(HasSubstr("nmi"))));
  return true;
}

TEST(Inject, CanBeCancelled) {
  // A machine may be too busy for the first times.
  EXPECT_TRUE(cancel_before(50) || cancel_before(2000) || cancel_before(20'000));
}

}  // namespace
}  // namespace hive::control
