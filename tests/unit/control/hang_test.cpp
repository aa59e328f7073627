// Guests that hang: what is made of it by the cell's machine, and by monitors over scripted VMMs.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>

#include "tests/unit/control/running_cell.h"
#include "tests/unit/control/trio.h"

namespace hive::control {
namespace {

using agree::Evidence;
using agree::EvidenceSet;
using cell::ReportKind;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using std::chrono_literals::operator""ms;

const EvidenceSet kHang = Evidence::kAgentSilent | Evidence::kVcpuStuck;

using HungCell = RunningCell;

TEST_F(HungCell, IsHeldAgainstItUntilItIsOver) {
  EXPECT_TRUE(machine_.guest_runs());
  EXPECT_THAT(machine_.note_hang({}, "").events, IsEmpty());
  EXPECT_THAT(machine_.note_hang(kHang, "vCPU 0").events,
              ElementsAre(Field(&EventText::kind, "hang")));
  EXPECT_EQ(machine_.evidence(), kHang);
  EXPECT_EQ(machine_.state(), CellState::kRunning);
  EXPECT_THAT(machine_.note_hang(kHang, "vCPU 0").events, IsEmpty()) << "told already";
  EXPECT_THAT(machine_.note_hang({}, "").events, ElementsAre(Field(&EventText::kind, "no-hang")));
  EXPECT_TRUE(machine_.evidence().empty());
}

TEST_F(HungCell, StaysOneThroughASuspension) {
  machine_.note_hang(kHang, "");
  machine_.suspend();
  EXPECT_FALSE(machine_.guest_runs());
  EXPECT_TRUE(machine_.is_suspended());
  report(ReportKind::kPaused);
  EXPECT_EQ(machine_.evidence(), kHang);
  machine_.on_evicted();
  machine_.on_vmm_exit("signal 9", 1000ms);
  EXPECT_TRUE(machine_.evidence().empty());
  EXPECT_EQ(machine_.state(), CellState::kFailed);
  machine_.start_anew();
  EXPECT_FALSE(machine_.guest_runs());
  report(ReportKind::kStarted);
  EXPECT_TRUE(machine_.evidence().empty()) << "of another incarnation";
}

TEST_F(HungCell, IsNoneWhereTheGuestIsHeldOrEnds) {
  machine_.request_pause();
  EXPECT_FALSE(machine_.guest_runs());
  report(ReportKind::kPaused);
  EXPECT_FALSE(machine_.guest_runs());
  machine_.request_resume();
  EXPECT_FALSE(machine_.guest_runs()) << "not yet";
  report(ReportKind::kResumed);
  EXPECT_TRUE(machine_.guest_runs());
  machine_.note_hang(kHang, "");
  machine_.request_reboot(false, 1000ms);
  EXPECT_FALSE(machine_.guest_runs());
  EXPECT_TRUE(machine_.evidence().empty()) << "somebody sees to it";
  report(ReportKind::kOff);
  EXPECT_THAT(machine_.note_hang(kHang, "").events, IsEmpty());
  EXPECT_TRUE(machine_.evidence().empty());
}

TEST_F(HungCell, TellsOfSilences) {
  EXPECT_THAT(machine_.note_silence(true, "for 10 s").events,
              ElementsAre(Field(&EventText::kind, "agent-silent")));
  EXPECT_TRUE(machine_.evidence().empty());
  EXPECT_THAT(machine_.note_silence(false, "").events,
              ElementsAre(Field(&EventText::kind, "agent-answers")));
}

/// Waits until CELL has told EVENT, or patience ends; all that it told then.
std::vector<std::string> await_event(const TestCell& cell,
                                     const testing::Matcher<std::string>& event) {
  TestClient client = cell.connect();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::vector<std::string> lines;
  while (!testing::Value(lines, Contains(event)) && std::chrono::steady_clock::now() < deadline) {
    ::usleep(10'000);
    lines.clear();
    const Json list = client.call("events.list", Json::object());
    for (const Json& each : list["events"]) {
      lines.push_back(each["kind"].get<std::string>() + ": " + each["detail"].get<std::string>());
    }
  }
  EXPECT_THAT(lines, Contains(event));
  return lines;
}

TEST(GuestWatch, FindsAGuestThatHangs) {
  const TestCell cell("report started;pong;hang 1");
  await_event(cell, AllOf(HasSubstr("hang: its agent has been silent for "),
                          HasSubstr("vCPU 0 has run for "), HasSubstr(" with interrupts off"),
                          HasSubstr("last at 0x1234")));
  TestClient client = cell.connect();
  const wire::CellStatus status = TestCell::status(client);
  EXPECT_THAT(status.hang, HasSubstr("with interrupts off"));
  EXPECT_GE(status.silent_ms, 2000U);
  EXPECT_EQ(status.state, CellState::kRunning) << "nobody is there to agree with";
  // Who is paused is not suspected.
  client.call("pause", Json::object(), kPatience);
  await_event(cell, HasSubstr("no-hang"));
  EXPECT_EQ(TestCell::status(client).hang, "");
}

TEST(GuestWatch, OnlyTellsOfASilentAgentWhereNoVcpuIsStuck) {
  const TestCell cell("report started;pong;hang 2");  // A program computes.
  const auto events = await_event(cell, HasSubstr("agent-silent: for "));
  EXPECT_THAT(events, Not(Contains(HasSubstr("hang: "))));
}

TEST(GuestWatch, FindsAGuestThatHangsWithoutTheAgentThatItHad) {
  for (const char* end : {"close", "garbage"}) {
    const TestCell cell(std::string("report started;pong;answered;") + end + ";spin 1");
    await_event(cell, AllOf(HasSubstr("hang: vCPU 0 has run for "),
                            HasSubstr(" with interrupts off"), HasSubstr("last at 0x1234")));
  }
}

TEST(GuestWatch, FindsAGuestThatHangsBeforeItsAgentHasAnswered) {
  for (const char* end : {"", "close;"}) {
    const TestCell cell(std::string("report started;greet;") + end + "spin 1");
    await_event(cell, AllOf(HasSubstr("hang: vCPU 0 has run for "),
                            HasSubstr(" with interrupts off"), HasSubstr("last at 0x1234")));
  }
}

TEST(GuestWatch, TakesAnAgentThatAnswersForItsWord) {
  // As a guest whose first vCPU hangs, but it answers.
  const TestCell cell("report started;pong;spin 1");
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3 * plan::kMinWatchdog);
  std::uint64_t most_load = 0;
  while (std::chrono::steady_clock::now() < end) {
    const wire::CellStatus status = TestCell::status(client);
    EXPECT_EQ(status.hang, "");
    most_load = std::max(most_load, status.load);
    ::usleep(50'000);
  }
  EXPECT_GT(most_load, 0U) << "it did not spin";
}

TEST(GuestWatch, FindsAGuestWhoseVcpusStandStill) {
  const TestCell cell("report started;stand");
  await_event(cell, AllOf(HasSubstr("hang: no vCPU has been in the guest for "),
                          HasSubstr("nor answered when looked at")));
  TestClient client = cell.connect();
  EXPECT_EQ(TestCell::status(client).state, CellState::kBooting) << "nobody is there to agree with";
  client.call("pause", Json::object(), kPatience);
  await_event(cell, HasSubstr("no-hang"));
}

TEST(GuestWatch, TakesAVcpuThatHaltsForHealthy) {
  const TestCell cell("report started");
  cell.await(CellState::kBooting);
  TestClient client = cell.connect();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3 * plan::kMinWatchdog);
  while (std::chrono::steady_clock::now() < end) {
    EXPECT_EQ(TestCell::status(client).hang, "");
    ::usleep(50'000);
  }
}

TEST(GuestWatch, HasTheCellPutOutAndStartedAnew) {
  const Trio trio({"report started", "report started;hang 1", "report started"},
                  plan::OnFailure::kReboot, plan::kMinWatchdog);
  trio.await_event_of_any({"beta"}, HasSubstr("hang: vCPU 0 has run for "));
  for (const char* cell : {"alpha", "gamma"}) {
    trio.await_epoch(cell, 3);
    EXPECT_THAT(trio.events(cell), Contains(HasSubstr("view: epoch 2: alpha, gamma; beta left")));
    EXPECT_EQ(trio.status(cell).incarnation, 1U);
  }
  trio.await_event_of_any({"alpha", "beta", "gamma"}, HasSubstr("beta failed (stuck vCPU)"));
  EXPECT_GE(trio.await("beta", [](const auto& now) { return now.incarnation >= 2; }).incarnation,
            2U);
}

}  // namespace
}  // namespace hive::control
