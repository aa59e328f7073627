#include "cellmon/cli/witness_end.h"

#include <sys/socket.h>
#include <unistd.h>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "cellmon/wire/monitor_process.h"
#include "vmm/plan/limits.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWitnessKillLimit{5'000};

bool ends_until(const wire::CellAddress& witness, steady_clock::time_point deadline) {
  return static_cast<bool>(wire::hold_abstract(wire::life_socket_name(witness), deadline));
}

}  // namespace

bool await_witness_end(const std::string& machine, steady_clock::time_point deadline) {
  const wire::CellAddress witness{::geteuid(), machine, std::string(plan::kWitnessName)};
  if (ends_until(witness, deadline)) return true;
  wire::kill_monitor(wire::mesh_socket_name(witness), SOCK_SEQPACKET);
  return ends_until(witness, steady_clock::now() + kWitnessKillLimit);
}

}  // namespace hive::cli
