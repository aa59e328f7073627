// hive status: how machines and their cells are.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

using wire::Json;

struct StatusOptions {
  std::string machine;
  bool json = false;
};

Json to_json(const CellView& cell) {
  if (cell.status) return wire::to_json(*cell.status);
  return {{"machine", cell.address.machine},
          {"cell", cell.address.cell},
          {"state", "lost"},
          {"cause", cell.problem}};
}

Json to_json(const std::vector<MachineView>& machines) {
  Json list = Json::array();
  for (const MachineView& machine : machines) {
    Json cells = Json::array();
    for (const CellView& cell : machine.cells) cells.push_back(to_json(cell));
    list.push_back({{"machine", machine.name}, {"cells", std::move(cells)}});
  }
  return {{"machines", std::move(list)}};
}

/// Milliseconds as people say them: "3.2 s", "5 min", "2 h".
std::string duration(std::uint64_t milliseconds) {
  const std::uint64_t seconds = milliseconds / 1000;
  if (seconds < 60) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

std::string describe(const wire::CellStatus& status) {
  if (!status.cause.empty()) return wire::printable(status.cause, 200);
  if (!status.policy.empty()) return "Wax, policy " + wire::printable(status.policy, 32);
  if (!status.kernel.empty()) return "Linux " + wire::printable(status.kernel, 65);
  return "";
}

/// What its monitor has against the guest.
std::string describe_guest(const wire::CellStatus& status) {
  constexpr std::uint64_t kUnusual = 2000;
  if (!status.hang.empty()) return "hangs: " + wire::printable(status.hang, 200);
  return status.silent_ms < kUnusual ? "" : "agent silent for " + duration(status.silent_ms);
}

/// What it shares of its memory, and has of others'.
std::string describe_loans(const wire::CellStatus& status) {
  if (status.lent != 0 && status.borrowed != 0) {
    return fmt::format("lends {}, borrows {}", format_size(status.lent),
                       format_size(status.borrowed));
  }
  if (status.lent != 0) return "lends " + format_size(status.lent);
  return status.borrowed == 0 ? "" : "borrows " + format_size(status.borrowed);
}

/// Its share of the CPUs, where that is not the plan's.
std::string describe_cpu(const wire::CpuStatus& cpu) {
  if (!cpu.trouble.empty()) return "CPU weight not set: " + wire::printable(cpu.trouble, 200);
  return cpu.weight == cpu.usual && cpu.usual == cpu.plan ? "" : wire::describe_weights(cpu);
}

/// Faults that are still to come: `hive inject --pending` has them.
std::string describe_faults(const wire::CellStatus& status) {
  const std::uint64_t count = status.pending_faults;
  return count == 0 ? "" : fmt::format("{} fault{} pending", count, count == 1 ? "" : "s");
}

/// PARTS that are not empty, one after the other.
std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  }
  return text;
}

/// Who is a member, as the monitor that knows the latest view says.
std::string describe_view(const MachineView& machine) {
  const wire::ViewStatus* latest = nullptr;
  for (const CellView& cell : machine.cells) {
    if (cell.status && (latest == nullptr || cell.status->view.epoch > latest->epoch)) {
      latest = &cell.status->view;
    }
  }
  if (latest == nullptr) return "";
  std::string members;
  for (const auto& member : latest->members) {
    members += (members.empty() ? "" : ", ") + wire::printable(member.cell, 64);
  }
  return fmt::format("  epoch {}: {}", latest->epoch, members);
}

/// How suspicious its watchers find cell NAME: the greatest suspicion, where it is any, and whether
/// it is decided on.
std::string describe_suspicion(const MachineView& machine, const std::string& name) {
  double most = 0;
  bool is_suspect = false;
  for (const CellView& watcher : machine.cells) {
    if (!watcher.status) continue;
    const wire::ViewStatus& view = watcher.status->view;
    for (const auto& each : view.watched) {
      if (each.cell == name) most = std::max(most, each.suspicion);
    }
    is_suspect = is_suspect || std::count(view.suspects.begin(), view.suspects.end(), name) > 0;
  }
  if (is_suspect) return "suspected: the monitors vote";
  // What is below is no more than a look that came between two heartbeats.
  return most < 1 ? "" : fmt::format("suspicion {:.1f}", most);
}

void print(const MachineView& machine) {
  fmt::print("machine {}{}\n", machine.name, describe_view(machine));
  std::size_t width = 4;
  for (const CellView& cell : machine.cells) width = std::max(width, cell.address.cell.size());
  fmt::print("  {:<{}}  {:<9}  {:>7}  {:>4}  {:>8}  {:>4}  {}\n", "cell", width, "state", "since",
             "cpus", "memory", "boot", "");
  for (const CellView& cell : machine.cells) {
    if (!cell.status) {
      fmt::print("  {:<{}}  {}\n", cell.address.cell, width,
                 join({cell.problem, describe_suspicion(machine, cell.address.cell)}));
      continue;
    }
    const wire::CellStatus& status = *cell.status;
    fmt::print("  {:<{}}  {:<9}  {:>7}  {:>4}  {:>8}  {:>4}  {}\n", status.cell, width,
               to_string(status.state), duration(status.state_ms), status.vcpus,
               format_size(status.memory), status.incarnation,
               join({describe(status), describe_loans(status), describe_guest(status),
                     describe_cpu(status.cpu), status.view.suspended ? "suspended" : "",
                     describe_suspicion(machine, status.cell), describe_faults(status)}));
  }
}

int run_status(const StatusOptions& options) {
  const std::vector<MachineView> machines = look_at_machines(options.machine);
  if (!options.machine.empty() && machines.empty()) choose_machine(options.machine, find_cells());
  if (options.json) {
    fmt::print("{}\n", to_json(machines).dump(-1, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  if (machines.empty()) fmt::print("no machine runs\n");
  for (const MachineView& machine : machines) print(machine);
  return 0;
}

}  // namespace

void add_status(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("status", "Show machines and their cells");
  command->add_option("MACHINE", options->machine, "Only this one");
  command->add_flag("--json", options->json, "As one JSON object");
  command->callback([options, &exit_status] { exit_status = run_status(*options); });
}

}  // namespace hive::cli
