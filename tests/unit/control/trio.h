// Three monitors of one machine, over real sockets and scripted VMMs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/control/test_cell.h"

namespace hive::control {

/// Three cells, each with its monitor in a thread, ended by force when this object ends.
class Trio {
 public:
  explicit Trio(const std::vector<std::string>& scripts,
                plan::OnFailure on_failure = plan::OnFailure::kLeave, std::uint32_t watchdog = 0,
                const std::function<void(plan::Machine&)>& change = {}) {
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
      cell.on_failure = on_failure;
      cell.watchdog = watchdog;
      machine_.cells.push_back(cell);
    }
    if (change) change(machine_);
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
      auto client = RpcClient::connect({::geteuid(), machine_.name, cell.name});
      if (client) client->call("down", {{"force", true}}, kPatience);
    }
    join();
  }
  /// Waits for the end of all monitors.
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  [[nodiscard]] TestClient connect(const std::string& cell) const {
    return TestClient::reach({::geteuid(), machine_.name, cell});
  }
  [[nodiscard]] wire::CellStatus status(const std::string& cell) const {
    TestClient client = connect(cell);
    return TestCell::status(client);
  }
  /// Waits until HOLDS of the cell's status, or patience ends; the status then.
  wire::CellStatus await(const std::string& cell,
                         const std::function<bool(const wire::CellStatus&)>& holds) const {
    TestClient client = connect(cell);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
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
  /// Waits until one of CELLS has told EVENT, or patience ends. Only the leader who counts the
  /// votes tells what they were.
  void await_event_of_any(const std::vector<std::string>& cells,
                          const testing::Matcher<std::string>& event) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::vector<std::string> all;
    while (!testing::Value(all, testing::Contains(event)) &&
           std::chrono::steady_clock::now() < deadline) {
      ::usleep(2000);
      all.clear();
      for (const std::string& cell : cells) {
        for (std::string& each : events(cell)) all.push_back(std::move(each));
      }
    }
    EXPECT_THAT(all, testing::Contains(event));
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

inline std::vector<std::string> members_of(const wire::CellStatus& status) {
  std::vector<std::string> names;
  for (const auto& member : status.view.members) {
    names.push_back(member.cell + " " + std::to_string(member.incarnation));
  }
  return names;
}

}  // namespace hive::control
