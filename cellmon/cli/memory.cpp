// hive memory: who contributes memory, and who may write it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/memory_view.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

struct MemoryOptions {
  std::string machine;
  bool json = false;
};

Json look_at_memory(const CellView& cell) {
  std::string problem = cell.problem;
  try {
    auto client = problem.empty() ? RpcClient::connect(cell.address) : std::nullopt;
    if (client) {
      Json memory = read_memory(*client);
      const bool is_home = memory.value("size", Json(0)) != 0;
      memory["rights"] = is_home ? read_rights(*client, Json::object()) : Json::array();
      return memory;
    }
    if (problem.empty()) problem = "monitor lost";
  } catch (const Error& error) {
    problem = error.what();
  }
  return {{"cell", cell.address.cell}, {"problem", problem}};
}

bool is_told(const Json& machine) {
  const Json& cells = machine["cells"];
  return std::any_of(cells.begin(), cells.end(),
                     [](const Json& cell) { return !cell.contains("problem"); });
}

int run_memory(const MemoryOptions& options) {
  const std::vector<MachineView> machines = look_at_machines(options.machine);
  if (!options.machine.empty() && machines.empty()) choose_machine(options.machine, find_cells());
  Json list = Json::array();
  for (const MachineView& machine : machines) {
    Json cells = Json::array();
    for (const CellView& cell : machine.cells) cells.push_back(look_at_memory(cell));
    list.push_back({{"machine", machine.name}, {"cells", std::move(cells)}});
  }
  // Of one machine that nothing can be told of, say why.
  if (list.size() == 1 && !is_told(list[0])) {
    throw Error(wire::text_member(list[0]["cells"][0], "problem"));
  }
  if (options.json) {
    const Json all{{"machines", std::move(list)}};
    fmt::print("{}\n", all.dump(-1, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  if (list.empty()) fmt::print("no machine runs\n");
  for (const Json& machine : list) fmt::print("{}", format_memory(machine));
  return 0;
}

}  // namespace

void add_memory(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<MemoryOptions>();
  CLI::App* command =
      app.add_subcommand("memory", "Show global memory: homes, sections, who may write what");
  command->add_option("MACHINE", options->machine, "Only this one's");
  command->add_flag("--json", options->json, "As one JSON object");
  command->callback([options, &exit_status] { exit_status = run_memory(*options); });
}

}  // namespace hive::cli
