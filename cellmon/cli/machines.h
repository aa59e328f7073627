// The machines that run, as their monitors tell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/cell_status.h"

namespace hive::cli {

/// A cell of a running machine.
struct CellView {
  wire::CellAddress address;
  std::optional<wire::CellStatus> status;
  /// Why there is no status: "monitor lost", "monitor does not answer", or what the monitor said.
  std::string problem;
};

/// A machine of which at least one monitor runs. Its cells are in the plan's order.
struct MachineView {
  std::string name;
  std::vector<CellView> cells;
};

/// The control sockets of this user. Throws Error.
std::vector<wire::CellAddress> find_cells();

/// Asks every monitor of this user (only of MACHINE, unless that is empty), all at once.
std::vector<MachineView> look_at_machines(const std::string& machine);

/// Groups CELLS, and adds those that only the plan knows: their monitors are lost.
std::vector<MachineView> group_by_machine(std::vector<CellView> cells);

/// The cell that NAME ("CELL" or "MACHINE/CELL") means among CELLS. Throws Error (kUsage) when none
/// or several match, and lists them.
wire::CellAddress choose_cell(const std::string& name, const std::vector<wire::CellAddress>& cells);

/// The cell that NAME means and that MACHINES tell to have lost its monitor.
std::optional<wire::CellAddress> find_lost(const std::string& name,
                                           const std::vector<MachineView>& machines);

/// choose_cell() among the cells of this user. A cell whose monitor is lost is told apart from one
/// that never was, with what to do.
wire::CellAddress find_cell(const std::string& name);

/// The machine called NAME, or the only one when NAME is empty. Throws Error.
std::string choose_machine(const std::string& name, const std::vector<wire::CellAddress>& cells);

}  // namespace hive::cli
