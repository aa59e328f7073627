#include "vmm/plan/check.h"

#include <fmt/format.h>

#include <utility>

#include "vmm/plan/document.h"
#include "vmm/plan/host_files.h"
#include "vmm/plan/overlaps.h"
#include "vmm/plan/planned_cell.h"
#include "vmm/plan/policy_cell.h"
#include "vmm/plan/rpc_keys.h"

namespace hive::plan {
namespace {

struct FirewallKeys {
  Field<OnViolation> on_violation;
  Field<Discard> discard;
};

/// The machine's keys, each cell with the defaults filled in.
struct MachineKeys {
  Field<std::string> name;
  Field<CellKeys> defaults;
  Field<std::vector<CellKeys>> cells;
  Field<FirewallKeys> firewall;
  Field<RpcKeys> rpc;
  Field<bool> faults;
  Field<WitnessWish> witness;
};

std::optional<std::vector<CellKeys>> read_cells(const YamlNode& list, FaultList& faults) {
  if (list.items.empty()) {
    faults.add(list.at, "'cells' is empty", "describe at least one cell");
    return std::nullopt;
  }
  if (list.items.size() > kMaxCells) {
    faults.add(list.at, fmt::format("a machine of {} cells is too large", list.items.size()),
               fmt::format("describe at most {} cells", kMaxCells));
    return std::nullopt;
  }
  std::vector<CellKeys> cells;
  for (const YamlNode& item : list.items)
    cells.push_back(read_cell_keys(item, cell_spec(), faults));
  return cells;
}

std::optional<FirewallKeys> read_firewall(const YamlNode& node, FaultList& faults) {
  const Fields fields(node, firewall_spec(), faults);
  return FirewallKeys{fields.read<OnViolation>("on_violation", read_on_violation),
                      fields.read<Discard>("discard", read_discard)};
}

MachineKeys read_machine(const YamlNode& root, FaultList& faults) {
  const Fields fields(root, machine_spec(), faults);
  MachineKeys keys;
  keys.name = fields.read<std::string>("machine", read_name);
  keys.defaults = fields.read<CellKeys>("defaults", [](const YamlNode& node, FaultList& list) {
    return std::optional(read_cell_keys(node, defaults_spec(), list));
  });
  keys.cells = fields.read<std::vector<CellKeys>>("cells", read_cells);
  keys.firewall = fields.read<FirewallKeys>("firewall", read_firewall);
  keys.rpc = fields.read<RpcKeys>("rpc", read_rpc);
  keys.faults = fields.read<bool>("faults", read_faults);
  keys.witness = fields.read<WitnessWish>("witness", read_witness);
  return keys;
}

/// Whether the machine has a witness. It is a member as each cell is, and has a name as each cell.
bool plan_witness(const Field<WitnessWish>& wish, const std::vector<PlannedCell>& cells,
                  FaultList& faults) {
  for (const PlannedCell& cell : cells) {
    if (cell.cell.name != kWitnessName) continue;
    faults.add(cell.keys.name.at, fmt::format("no cell can be called {}", kWitnessName),
               "choose another name: this one stands for the monitor without a cell");
  }
  const bool is_wanted = wish.value == WitnessWish::kAlways;
  if (is_wanted && cells.size() == kMaxCells) {
    faults.add(wish.at, fmt::format("{} cells and a witness are too many", kMaxCells),
               "leave out 'witness', or a cell");
  }
  constexpr std::size_t kTooFew = 2;  // Each has half of the votes.
  return is_wanted || (wish.value.value_or(WitnessWish::kAutomatic) == WitnessWish::kAutomatic &&
                       cells.size() == kTooFew);
}

}  // namespace

CheckResult check_machine(const Source& source, const Environment& environment) {
  Document document = read_document(source.text);
  if (document.fault) return {std::nullopt, {std::move(*document.fault)}};

  FaultList faults;
  MachineKeys keys = read_machine(*document.root, faults);
  const HostFiles files(source, environment.files, faults);
  const CellKeys defaults = keys.defaults.value.value_or(CellKeys{});
  std::vector<PlannedCell> planned;
  std::uint8_t place = 0;
  for (CellKeys& cell : keys.cells.value.value_or(std::vector<CellKeys>{})) {
    const CellId id{place++};
    if (!cell.is_mapping) continue;
    if (cell.is_policy()) {
      planned.push_back(plan_policy_cell(std::move(cell), id, environment, files, faults));
      continue;
    }
    planned.push_back(
        plan_cell(with_defaults(std::move(cell), defaults), id, environment, files, faults));
  }
  check_policy_cells(planned, faults);
  check_overlaps(planned, environment.host, faults);
  Rpc rpc = plan_rpc(keys.rpc.value.value_or(RpcKeys{}), planned, faults);
  const bool witness = plan_witness(keys.witness, planned, faults);
  if (!faults.empty()) return {std::nullopt, faults.sorted()};

  Machine machine;
  machine.name = *keys.name.value;
  const FirewallKeys firewall = keys.firewall.value.value_or(FirewallKeys{});
  machine.on_violation = firewall.on_violation.value.value_or(OnViolation::kFault);
  machine.discard = firewall.discard.value.value_or(Discard::kWritten);
  machine.rpc = std::move(rpc);
  machine.faults = keys.faults.value.value_or(false);
  machine.witness = witness;
  for (PlannedCell& cell : planned) machine.cells.push_back(std::move(cell.cell));
  return {std::move(machine), {}};
}

}  // namespace hive::plan
