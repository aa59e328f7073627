// Monitors of one machine that agree who is a member, over real sockets and scripted VMMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Three cells, each with its monitor in a thread, ended by force when this object ends.
class Trio {
 public:
  explicit Trio(const std::vector<std::string>& scripts) {
    static int count = 0;
    machine_.name = "trio-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    for (const char* name : {"alpha", "beta", "gamma"}) {
      plan::Cell cell;
      cell.id = CellId{static_cast<std::uint8_t>(machine_.cells.size())};
      cell.name = name;
      cell.memory = 2 << 20;
      cell.cid = 3 + static_cast<Cid>(machine_.cells.size());
      cell.kernel = "/kernel";
      cell.cmdline = scripts[machine_.cells.size()];
      cell.agent = false;
      machine_.cells.push_back(cell);
    }
    for (const plan::Cell& cell : machine_.cells) {
      auto service = std::make_shared<Service>(machine_, cell, folder_.path(), HIVE_FAKE_VMM);
      threads_.emplace_back([service]() mutable {
        service->run();
        service.reset();
      });
      service.reset();
    }
  }
  Trio(const Trio&) = delete;
  Trio& operator=(const Trio&) = delete;
  ~Trio() {
    for (const plan::Cell& cell : machine_.cells) {
      connect(cell.name).call("down", {{"force", true}}, kPatience);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] RpcClient connect(const std::string& cell) const {
    auto client = RpcClient::connect({::geteuid(), machine_.name, cell});
    if (!client) throw Error("the monitor does not listen");
    return std::move(*client);
  }
  [[nodiscard]] wire::CellStatus status(const std::string& cell) const {
    RpcClient client = connect(cell);
    return TestCell::status(client);
  }
  /// Waits until HOLDS of the cell's status, or patience ends; the status then.
  wire::CellStatus await(const std::string& cell,
                         const std::function<bool(const wire::CellStatus&)>& holds) const {
    RpcClient client = connect(cell);
    const auto deadline = std::chrono::steady_clock::now() + 3 * kPatience;
    wire::CellStatus now = TestCell::status(client);
    while (!holds(now) && std::chrono::steady_clock::now() < deadline) {
      ::usleep(2000);
      now = TestCell::status(client);
    }
    EXPECT_TRUE(holds(now)) << to_json(now);
    return now;
  }
  wire::CellStatus await_epoch(const std::string& cell, std::uint64_t epoch) const {
    return await(cell, [epoch](const auto& status) {
      return status.view.epoch >= epoch && !status.view.suspended;
    });
  }
  void await_running() const {
    for (const plan::Cell& cell : machine_.cells) {
      await(cell.name, [](const auto& now) { return now.state == CellState::kRunning; });
    }
  }
  /// "KIND: DETAIL" of all events of CELL.
  [[nodiscard]] std::vector<std::string> events(const std::string& cell) const {
    std::vector<std::string> lines;
    const Json list = connect(cell).call("events.list", Json::object());
    for (const Json& event : list["events"]) {
      lines.push_back(event["kind"].get<std::string>() + ": " + event["detail"].get<std::string>());
    }
    return lines;
  }

 private:
  TestFolder folder_;
  plan::Machine machine_;
  std::vector<std::thread> threads_;
};

std::vector<std::string> members_of(const wire::CellStatus& status) {
  std::vector<std::string> names;
  for (const auto& member : status.view.members) {
    names.push_back(member.cell + " " + std::to_string(member.incarnation));
  }
  return names;
}

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
  EXPECT_THAT(trio.events("alpha"), Contains(AllOf(HasSubstr("vote: "), HasSubstr("(VMM exit)"))));
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

TEST(Members, GoWhenTheirGuestsPanic) {
  const Trio trio({"report started", "report started",
                   "report started;sleep 500;report panicked;sleep 20;exit 0"});
  EXPECT_THAT(members_of(trio.await_epoch("alpha", 2)), ElementsAre("alpha 1", "beta 1"));
  EXPECT_THAT(trio.events("alpha"), Contains(AllOf(HasSubstr("vote: "), HasSubstr("(panic)"))));
  trio.await("gamma", [](const auto& now) { return now.state == CellState::kPanicked; });
}

TEST(Members, DecideWithoutOneWhoseGuestCannotBeStopped) {
  const Trio trio({"deaf;report started", "report started",
                   "report started;sleep 500;report triple-fault;sleep 20;exit 0"});
  EXPECT_THAT(members_of(trio.await_epoch("beta", 2)), ElementsAre("alpha 1", "beta 1"));
  EXPECT_EQ(trio.await("alpha", [](const auto& now) { return now.view.epoch == 2; }).state,
            CellState::kRunning);
}

TEST(Members, StayWhenTheirGuestsEndAsTheyShould) {
  const Trio trio({"report started", "report started;report off;exit 0", "report started"});
  trio.await("beta", [](const auto& now) { return now.state == CellState::kOff; });
  ::usleep(100'000);
  EXPECT_EQ(trio.status("alpha").view.epoch, 1U);
  EXPECT_THAT(trio.events("alpha"), Not(Contains(HasSubstr("alert"))));
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
