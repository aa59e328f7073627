// hive weight: a cell's share of the CPUs.
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/wire/cpu_status.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

constexpr std::size_t kMaxTrouble = 4096;

struct WeightOptions {
  std::string cell;
  std::optional<std::uint32_t> weight;  ///< Nothing: only tell.
};

std::string describe(const wire::CpuStatus& cpu) {
  std::string text = wire::describe_weights(cpu);
  if (!cpu.trouble.empty()) return text + "; not set: " + wire::printable(cpu.trouble, kMaxTrouble);
  if (cpu.way.empty()) return text + "; the cell does not run";
  text += ", by " + wire::printable(cpu.way, kMaxTrouble);
  if (cpu.applied != 0 && cpu.applied != cpu.weight) {
    text += fmt::format(", which makes it {}", cpu.applied);
  }
  return text;
}

int run_weight(const WeightOptions& options) {
  Json params = Json::object();
  if (options.weight) params["weight"] = *options.weight;
  const wire::CellAddress cell = find_cell(options.cell);
  const auto cpu = wire::parse_cpu(RpcClient::reach(cell).call("weight", params));
  if (!cpu) throw Error("the monitor's answer is not understood");
  fmt::print("{}: {}\n", cell.full_name(), describe(*cpu));
  return 0;
}

}  // namespace

void add_weight(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<WeightOptions>();
  CLI::App* command = app.add_subcommand(
      "weight", "Change a cell's share of the CPUs until its next start, or tell it");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL")->required();
  command->add_option(
      "N", options->weight,
      "The weight, from 1 to 10000; 100 is usual. Without it: tell the present one");
  command->callback([options, &exit_status] { exit_status = run_weight(*options); });
}

}  // namespace hive::cli
