// Starting monitors: hive-cellmon.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::wire {

struct MonitorStart {
  std::string program;
  std::string plan;       ///< Of its machine, as JSON.
  std::size_t index = 0;  ///< Its cell, in the plan; as many as the plan has: its witness.
  std::string run_dir;
  /// 1 where the machine is started with it, else a higher number than that of any that the cell
  /// has had, as the monotonic clock's nanoseconds are.
  std::uint64_t life = 1;
  std::string vmm;    ///< The VMM's program; empty: the one beside PROGRAM.
  int heritage = -1;  ///< A descriptor (cellmon/control/heritage.h) of which it gets a copy, or -1.
  /// It is nobody's child: it outlives this process, which does not have to wait for its end.
  bool is_orphan = false;
};

/// A hive-cellmon that was started.
struct StartedMonitor {
  pid_t pid = -1;  ///< -1 where it is an orphan.
  UniqueFd ready;  ///< Readable when the monitor serves, or could not: one line of JSON.
};

/// Starts a monitor. It inherits nothing but the plan, its end of the pipe, what START names and
/// the standard streams, in a session of its own. Throws Error when it cannot be executed.
StartedMonitor start_monitor(const MonitorStart& start);

/// Kills the monitor that listens at abstract socket NAME of TYPE, if there is one. Throws Error
/// when that is of a user who is not trusted.
void kill_monitor(const std::string& name, int type);

/// Kills the process of pidfd PROCESS, if it has not ended; nothing where that is no descriptor.
void kill_process(int process);

}  // namespace hive::wire
