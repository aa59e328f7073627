#include "cellmon/control/run_name.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"
#include "vmm/plan/limits.h"

namespace hive::control {
namespace {

constexpr std::chrono::milliseconds kStep{5};

/// Those of MACHINE but OWN that have, or can have, a monitor.
std::vector<wire::CellAddress> others_of(const plan::Machine& machine, const std::string& own) {
  std::vector<wire::CellAddress> others;
  const auto add = [&](const std::string& name) {
    if (name != own) others.push_back({::geteuid(), machine.name, name});
  };
  for (const plan::Cell& cell : machine.cells) add(cell.name);
  if (machine.witness) add(std::string(plan::kWitnessName));
  return others;
}

bool has_monitor(const wire::CellAddress& address) {
  try {
    return static_cast<bool>(
        wire::connect_abstract(wire::mesh_socket_name(address), SOCK_SEQPACKET | SOCK_NONBLOCK));
  } catch (const Error&) {
    return false;  // Somebody else's.
  }
}

UniqueFd await_name(const wire::CellAddress& address, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    UniqueFd name = wire::try_hold_abstract(wire::life_socket_name(address));
    if (name) return name;
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error("cell " + address.full_name() +
                  " has a monitor, or the VMM of an earlier one, that does not end");
    }
    std::this_thread::sleep_for(kStep);
  }
}

}  // namespace

UniqueFd await_run_name(const plan::Machine& machine, const std::string& name, agree::Life life,
                        std::chrono::milliseconds limit) {
  UniqueFd held = await_name({::geteuid(), machine.name, name}, limit);
  const auto others = others_of(machine, name);
  if (life != agree::kFounder && !others.empty() &&
      std::none_of(others.begin(), others.end(), has_monitor)) {
    throw Error("machine " + machine.name + " has ended: no other monitor of it is there");
  }
  return held;
}

}  // namespace hive::control
