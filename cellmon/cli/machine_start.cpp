#include "cellmon/cli/machine_start.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cellmon/cli/machines.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"
#include "vmm/plan/json.h"

namespace hive::cli {
namespace {

constexpr Milliseconds kReadyTimeout{20'000};
constexpr Milliseconds kEndTimeout{20'000};

/// Waits until child PID is gone, and kills it if that takes too long.
void await_end(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd entry{pidfd.get(), POLLIN, 0};
  if (!pidfd || ::poll(&entry, 1, static_cast<int>(kEndTimeout.count())) != 1) {
    ::kill(pid, SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
}

void refuse_running(const std::string& machine) {
  const auto cells = find_cells();
  const bool runs = std::any_of(cells.begin(), cells.end(), [&](const wire::CellAddress& cell) {
    return cell.machine == machine;
  });
  if (runs) throw Error("machine " + machine + " runs already; end it by: hive down " + machine);
}

}  // namespace

MachineStart::MachineStart(const plan::Machine& machine, const std::string& run_dir)
    : machine_(machine.name),
      starter_(wire::try_hold_abstract(wire::starter_socket_name(::geteuid(), machine.name))) {
  if (!starter_) throw Error("machine " + machine_ + " is being started by another `hive up`");
  refuse_running(machine_);
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
  for (std::size_t i = 0; i < monitors_.size(); ++i) {
    try {
      await_ready(monitors_[i], kReadyTimeout);
    } catch (const Error& error) {
      throw Error("cell " + addresses_[i].full_name() + ": " + error.what());
    }
  }
}

std::vector<BootWatch::Cell> MachineStart::connect() {
  std::vector<BootWatch::Cell> cells;
  for (const wire::CellAddress& address : addresses_) {
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
    if (client && client->peer_pid() == monitors_[i].pid) {
      client->send("down", {{"force", true}, {"purge", true}});
    } else {
      ::kill(monitors_[i].pid, SIGTERM);
    }
  }
  for (const LaunchedMonitor& monitor : monitors_) await_end(monitor.pid);
  monitors_.clear();
}

}  // namespace hive::cli
