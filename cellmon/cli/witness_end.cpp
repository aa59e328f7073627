#include "cellmon/cli/witness_end.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStep{10};
constexpr std::chrono::milliseconds kKillLimit{5'000};

bool ends_until(const wire::CellAddress& witness, steady_clock::time_point deadline) {
  while (!wire::try_hold_abstract(wire::life_socket_name(witness))) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

void kill_witness(const wire::CellAddress& witness) {
  const UniqueFd socket =
      wire::connect_abstract(wire::mesh_socket_name(witness), SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!socket) return;
  const UniqueFd process = wire::open_peer_process(socket.get());
  // It may have ended meanwhile.
  if (process) (void)::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

}  // namespace

bool await_witness_end(const std::string& machine, steady_clock::time_point deadline, bool force) {
  const wire::CellAddress witness{::geteuid(), machine, std::string(plan::kWitnessName)};
  if (ends_until(witness, deadline)) return true;
  if (!force) return false;
  kill_witness(witness);
  return ends_until(witness, steady_clock::now() + kKillLimit);
}

}  // namespace hive::cli
