// Starting a hive-vmm process.
#pragma once

#include <string>

#include "cellmon/control/child_process.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/config.h"

namespace hive::control {

/// A VMM that was started, which ends with this, and the monitor's ends of its sockets.
struct LaunchedVmm {
  ChildProcess child;
  UniqueFd pidfd;
  UniqueFd monitor;  ///< Packets of monitor_protocol.h; the configuration is sent already.
  UniqueFd serial;
  UniqueFd console;
  UniqueFd agent;      ///< Invalid in a cell without an agent.
  UniqueFd global;     ///< Packets of global_protocol.h; invalid in a cell without global memory.
  UniqueFd vsock;      ///< Packets of vsock_protocol.h; invalid in a cell without vsock.
  UniqueFd policy;     ///< Packets of policy_protocol.h; invalid in a cell that does not run Wax.
  UniqueFd output;     ///< A pipe: its standard output and error.
  UniqueFd autogroup;  ///< Its /proc/PID/autogroup for writing; invalid where there is none.
};

/// Starts PROGRAM with CONFIG, in a session of its own. It inherits nothing but its ends of the
/// sockets, whose numbers are set here, and copies of the descriptors of this process that CONFIG's
/// global memory, vsock, policy and progress name, and of KEPT, unless that is -1, which it keeps
/// open to its end. It gets no environment but HIVE_LOG and the sanitizers' options, and is killed
/// by the kernel when the calling thread ends. Throws Error when it cannot be executed.
LaunchedVmm launch_vmm(const std::string& program, cell::CellConfig config, bool with_agent,
                       int kept = -1);

}  // namespace hive::control
