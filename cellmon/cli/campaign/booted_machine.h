// A machine that a campaign has started, as its monitors tell of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/draw.h"
#include "cellmon/cli/campaign/injection.h"
#include "cellmon/cli/campaign/monitors.h"
#include "cellmon/cli/machine_start.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/signal_fd.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/plan/plan.h"

namespace hive::cli {

/// Follows the events of all cells, and of the monitors that are started in place of others. Ends
/// the machine with this object, whatever state it is in. Single-threaded.
class BootedMachine final : public Monitors {
 public:
  /// Starts MACHINE and waits until its guests are up and all cells are linked, LIMIT at most.
  /// SIGNALS and LISTENER outlive this. Throws Error, and Interrupted.
  BootedMachine(const plan::Machine& machine, const std::string& run_dir, const SignalFd& signals,
                MonitorListener& listener, Milliseconds limit);
  ~BootedMachine() override;
  BootedMachine(const BootedMachine&) = delete;
  BootedMachine& operator=(const BootedMachine&) = delete;
  BootedMachine(BootedMachine&&) = delete;
  BootedMachine& operator=(BootedMachine&&) = delete;

  [[nodiscard]] const plan::Machine& plan() const { return plan_; }
  [[nodiscard]] const campaign::Cells& cells() const { return cells_; }
  [[nodiscard]] std::size_t index_of(const std::string& cell) const;

  void pump(Milliseconds time) override;

  /// Waits until all monitors answer and all cells are linked with each other; whether that came
  /// within LIMIT. Throws Interrupted.
  bool await_linked(Milliseconds limit);

  /// In the order in which they came.
  [[nodiscard]] const std::vector<wire::Event>& events() const { return events_; }
  void forget_events() { events_.clear(); }

  [[nodiscard]] bool has_monitor(std::size_t cell) const override {
    return links_[cell].client.has_value();
  }
  std::optional<std::uint64_t> send(std::size_t cell, std::string_view method,
                                    const Json& params) override;
  Json call(std::size_t cell, std::string_view method, const Json& params) override;

  /// Injects the fault, unless it is refused.
  Injection inject(const campaign::Draw& drawn);

 private:
  struct Link {
    wire::CellAddress address;
    std::optional<RpcClient> client;
    pid_t monitor = 0;       ///< Whose events `last` counts.
    std::uint64_t last = 0;  ///< Sequence of the last event.
    std::chrono::steady_clock::time_point tried{};
    bool runs = false;  ///< By its events.
  };

  void connect(std::size_t cell);
  void drain(std::size_t cell);
  void take(std::size_t cell, const Message& message);
  void await_up(std::chrono::steady_clock::time_point deadline);
  /// Whether all cells know all others. Throws Error.
  [[nodiscard]] bool is_linked();

  const plan::Machine& plan_;
  const SignalFd& signals_;
  MonitorListener& listener_;
  campaign::Cells cells_;
  std::unique_ptr<MachineStart> start_;
  std::vector<Link> links_;
  std::vector<wire::Event> events_;
};

}  // namespace hive::cli
