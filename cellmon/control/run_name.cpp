#include "cellmon/control/run_name.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cellmon/control/monitor_names.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

bool has_monitor(const wire::CellAddress& address) {
  try {
    return static_cast<bool>(
        wire::connect_abstract(wire::mesh_socket_name(address), SOCK_SEQPACKET | SOCK_NONBLOCK));
  } catch (const Error&) {
    return false;  // Somebody else's.
  }
}

}  // namespace

UniqueFd await_run_name(const plan::Machine& machine, const std::string& name, agree::Life life,
                        std::chrono::milliseconds limit) {
  const wire::CellAddress own{::geteuid(), machine.name, name};
  UniqueFd held =
      wire::hold_abstract(wire::life_socket_name(own), std::chrono::steady_clock::now() + limit);
  if (!held) {
    throw Error("cell " + own.full_name() +
                " has a monitor, or the VMM of an earlier one, that does not end");
  }
  if (life == agree::kFounder) return held;
  std::vector<std::string> others = monitor_names(machine);
  std::erase(others, name);
  const auto is_there = [&](const std::string& other) {
    return has_monitor({own.uid, machine.name, other});
  };
  if (!others.empty() && std::none_of(others.begin(), others.end(), is_there)) {
    throw Error("machine " + machine.name + " has ended: no other monitor of it is there");
  }
  return held;
}

}  // namespace hive::control
