// A monitor that runs within the test, over the scripted VMM.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "cellmon/cli/rpc_client.h"
#include "cellmon/control/service.h"
#include "cellmon/wire/base64.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/base/error.h"

namespace hive::control {

using cli::Message;
using cli::Milliseconds;
using cli::RpcClient;
using wire::Json;

/// How long a test waits for what comes soon on a machine that is not busy.
inline constexpr Milliseconds kPatience{60'000};

/// A client that gives the monitor, a thread of the same process, as long as a busy machine takes.
class TestClient : public RpcClient {
 public:
  explicit TestClient(RpcClient client) : RpcClient(std::move(client)) {}
  Json call(std::string_view method, const Json& params, Milliseconds timeout = kPatience) {
    return RpcClient::call(method, params, timeout);
  }
  /// Throws Error where the cell has no monitor.
  static TestClient reach(const wire::CellAddress& address) {
    auto client = RpcClient::connect(address, kPatience);
    if (!client) throw Error("the monitor does not listen");
    return TestClient(std::move(*client));
  }
};

/// The machine's folder's parent, gone with this object.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = testing::TempDir() + "/hiveXXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One cell of a machine of its own, with its monitor in a thread. The cell is ended by force when
/// this object ends.
class TestCell {
 public:
  /// WITH_SIBLING: the machine has a cell "beta", too, whose monitor the test has to be.
  /// CRASH_DUMP is the folder for core files. FAULTS: the plan allows them. SPARE: bytes that the
  /// cell may be lent.
  explicit TestCell(const std::string& script, bool agent = true,
                    const std::string& vmm = HIVE_FAKE_VMM, bool with_sibling = false,
                    const std::string& crash_dump = {}, bool faults = false,
                    std::uint64_t shared = 0, std::uint64_t spare = 0,
                    std::uint64_t memory = 2 << 20) {
    static int count = 0;
    machine_.name = "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    machine_.faults = faults;
    plan::Cell cell;
    cell.name = "alpha";
    cell.memory = memory;
    cell.cid = 3;
    cell.kernel = "/kernel";
    cell.cmdline = script;
    cell.agent = agent;
    cell.crash_dump = crash_dump;
    cell.watchdog = plan::kMinWatchdog;
    cell.shared = shared;
    cell.spare = spare;
    machine_.cells = {cell};
    if (with_sibling) add_sibling();
    service_ = std::make_unique<Service>(machine_, machine_.cells[0], folder_.path(), vmm);
    thread_ = std::thread([this] {
      service_->run();
      service_.reset();
    });
  }
  TestCell(const TestCell&) = delete;
  TestCell& operator=(const TestCell&) = delete;
  ~TestCell() {
    while (auto client = RpcClient::connect(address())) {
      try {
        client->call("down", {{"force", true}}, kPatience);
        break;
      } catch (const Error&) {
        ::usleep(1000);  // The places of clients that left a moment ago are not free yet.
      }
    }
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] wire::CellAddress address() const { return {::geteuid(), machine_.name, "alpha"}; }
  [[nodiscard]] std::filesystem::path machine_folder() const {
    return std::filesystem::path(folder_.path()) / machine_.name;
  }

  TestClient connect() const { return TestClient::reach(address()); }

  static wire::CellStatus status(TestClient& client) {
    return wire::parse_status(client.call("status", Json::object())).value();
  }

  /// Waits until the cell is in STATE; its status then, or as it is when patience ends.
  wire::CellStatus await(wire::CellState state) const {
    TestClient client = connect();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    wire::CellStatus now = status(client);
    while (now.state != state && std::chrono::steady_clock::now() < deadline) {
      ::usleep(2000);
      now = status(client);
    }
    EXPECT_EQ(to_string(now.state), to_string(state)) << now.cause;
    return now;
  }

  /// Waits for the monitor's end.
  void join() { thread_.join(); }

 private:
  /// One that may not talk with alpha, so that it needs no rings.
  void add_sibling() {
    plan::Cell beta = machine_.cells[0];
    beta.id = CellId{1};
    beta.name = "beta";
    beta.cid = 4;
    machine_.cells.push_back(beta);
    machine_.rpc.calls.emplace();
  }

  TestFolder folder_;
  plan::Machine machine_;
  std::unique_ptr<Service> service_;
  std::thread thread_;
};

/// What CLIENT's console says up to TEXT (inclusive), or all until patience ends.
inline std::string read_until(TestClient& client, const std::string& text) {
  std::string seen;
  while (seen.find(text) == std::string::npos) {
    const auto message = client.receive(kPatience);
    if (!message) break;
    const auto* notification = std::get_if<wire::RpcNotification>(&*message);
    if (notification == nullptr || notification->method != "console.output") continue;
    seen += wire::decode_base64(wire::text_member(notification->params, "data")).value_or("");
  }
  return seen;
}

}  // namespace hive::control
