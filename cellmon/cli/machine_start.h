// Starting the monitors of a machine, and undoing that.
#pragma once

#include <string>
#include <vector>

#include "cellmon/cli/boot_watch.h"
#include "cellmon/cli/monitor_launch.h"
#include "cellmon/cli/signal_fd.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/plan.h"

namespace hive::cli {

/// The monitors of a machine that this process started. What is not released is undone: the cells
/// are killed, their monitors and files removed. A signal that comes meanwhile kills the monitors
/// that still run, whose files stay.
class MachineStart {
 public:
  /// Starts a monitor per cell of MACHINE, and its witness, and waits until each serves. Throws
  /// Error, with nothing left behind, when the machine runs already, is being started, a monitor
  /// cannot serve, or one of SIGNALS comes; they outlive this object.
  MachineStart(const plan::Machine& machine, const std::string& run_dir, const SignalFd& signals);
  MachineStart(const MachineStart&) = delete;
  MachineStart& operator=(const MachineStart&) = delete;
  MachineStart(MachineStart&&) = delete;
  MachineStart& operator=(MachineStart&&) = delete;
  ~MachineStart();

  /// Connections to the monitors, in the plan's order.
  std::vector<BootWatch::Cell> connect();

  /// Leaves the machine running.
  void release() { monitors_.clear(); }

 private:
  void launch(const plan::Machine& machine, const std::string& run_dir);
  /// Ends the cells and waits until the monitors are gone.
  void undo();

  const SignalFd& signals_;
  std::string machine_;
  UniqueFd starter_;                          ///< Holds the machine's name against other starters.
  std::vector<wire::CellAddress> addresses_;  ///< Of the cells, then of the witness.
  std::size_t cells_ = 0;
  std::vector<LaunchedMonitor> monitors_;
  bool all_served_ = false;  ///< Who serves a cell since has been started by one of these.
};

}  // namespace hive::cli
