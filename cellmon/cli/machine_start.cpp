#include "cellmon/cli/machine_start.h"

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <span>

#include "cellmon/cli/children.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/witness_end.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"
#include "vmm/plan/json.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

/// For all monitors together.
constexpr Milliseconds kReadyTimeout{20'000};
constexpr Milliseconds kEndTimeout{20'000};

void refuse_running(const std::string& machine) {
  const auto cells = find_cells();
  const bool runs = std::any_of(cells.begin(), cells.end(), [&](const wire::CellAddress& cell) {
    return cell.machine == machine;
  });
  if (runs) throw Error("machine " + machine + " runs already; end it by: hive down " + machine);
}

}  // namespace

MachineStart::MachineStart(const plan::Machine& machine, const std::string& run_dir,
                           const SignalFd& signals)
    : signals_(signals),
      machine_(machine.name),
      starter_(wire::try_hold_abstract(wire::starter_socket_name(::geteuid(), machine.name))) {
  if (!starter_) throw Error("machine " + machine_ + " is being started by another `hive up`");
  refuse_running(machine_);
  // One that was left alone would meddle with the new machine.
  if (!await_witness_end(machine_, std::chrono::steady_clock::now())) {
    throw Error("machine " + machine_ + " has a witness of an earlier run that does not end");
  }
  try {
    launch(machine, run_dir);
  } catch (...) {
    undo();
    throw;
  }
}

MachineStart::~MachineStart() { undo(); }

void MachineStart::launch(const plan::Machine& machine, const std::string& run_dir) {
  const std::string program = monitor_program();
  const std::string plan = plan::to_json(machine);
  for (std::size_t i = 0; i < machine.cells.size(); ++i) {
    addresses_.push_back({::geteuid(), machine_, machine.cells[i].name});
    monitors_.push_back(launch_monitor(program, plan, i, run_dir));
  }
  if (machine.witness) {
    addresses_.push_back({::geteuid(), machine_, std::string(plan::kWitnessName)});
    monitors_.push_back(launch_monitor(program, plan, machine.cells.size(), run_dir));
  }
  cells_ = machine.cells.size();
  const auto deadline = std::chrono::steady_clock::now() + kReadyTimeout;
  for (std::size_t i = 0; i < monitors_.size(); ++i) {
    try {
      await_ready(monitors_[i], deadline, signals_);
    } catch (const Error& error) {
      throw Error("cell " + addresses_[i].full_name() + ": " + error.what());
    }
  }
  all_served_ = true;
}

std::vector<BootWatch::Cell> MachineStart::connect() {
  std::vector<BootWatch::Cell> cells;
  for (const wire::CellAddress& address : std::span(addresses_).first(cells_)) {
    auto client = RpcClient::connect(address);
    if (!client) throw Error("cell " + address.full_name() + ": its monitor is gone");
    cells.push_back({std::move(*client), 0});
  }
  return cells;
}

void MachineStart::undo() {
  for (std::size_t i = 0; i < monitors_.size(); ++i) {
    std::optional<RpcClient> client;
    try {
      client = RpcClient::connect(addresses_[i]);
    } catch (const Error&) {
      client.reset();  // Not ours, as it seems: the signal reaches our own.
    }
    if (client && (all_served_ || client->peer_pid() == monitors_[i].pid)) {
      client->send("down", {{"force", true}, {"purge", true}});
    } else {
      ::kill(monitors_[i].pid, SIGTERM);
    }
  }
  std::vector<pid_t> pids;
  pids.reserve(monitors_.size());
  for (const LaunchedMonitor& monitor : monitors_) pids.push_back(monitor.pid);
  monitors_.clear();
  const std::size_t killed = await_children(pids, kEndTimeout, signals_);
  if (killed > 0) {
    fmt::print(stderr, "hive: machine {}: killed {} of {} monitors; their files may be left\n",
               machine_, killed, pids.size());
  }
}

}  // namespace hive::cli
