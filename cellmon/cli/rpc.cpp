// hive rpc: who may call whom by vsock, and what went between the cells.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_view.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

struct RpcOptions {
  std::string machine;
  bool json = false;
};

Json look_at_rpc(const CellView& cell) {
  std::string problem = cell.problem;
  try {
    auto client = problem.empty() ? RpcClient::connect(cell.address) : std::nullopt;
    if (client) return client->call("rpc", Json::object());
    if (problem.empty()) problem = "monitor lost";
  } catch (const Error& error) {
    problem = error.what();
  }
  return {{"cell", cell.address.cell}, {"problem", problem}};
}

int run_rpc(const RpcOptions& options) {
  const std::vector<MachineView> machines = look_at_machines(options.machine);
  if (!options.machine.empty() && machines.empty()) choose_machine(options.machine, find_cells());
  Json list = Json::array();
  for (const MachineView& machine : machines) {
    Json cells = Json::array();
    for (const CellView& cell : machine.cells) cells.push_back(look_at_rpc(cell));
    list.push_back({{"machine", machine.name}, {"cells", std::move(cells)}});
  }
  if (options.json) {
    const Json all{{"machines", std::move(list)}};
    fmt::print("{}\n", all.dump(-1, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  if (list.empty()) fmt::print("no machine runs\n");
  for (const Json& machine : list) fmt::print("{}", format_rpc(machine));
  return 0;
}

}  // namespace

void add_rpc(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<RpcOptions>();
  CLI::App* command =
      app.add_subcommand("rpc", "Show which cells may call which by vsock, and what they sent");
  command->add_option("MACHINE", options->machine, "Only this one's");
  command->add_flag("--json", options->json, "As one JSON object");
  command->callback([options, &exit_status] { exit_status = run_rpc(*options); });
}

}  // namespace hive::cli
