#include "cellmon/control/run_name.h"

#include <thread>

#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

constexpr std::chrono::milliseconds kStep{5};

}  // namespace

UniqueFd await_run_name(const wire::CellAddress& address, std::chrono::milliseconds limit) {
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

}  // namespace hive::control
