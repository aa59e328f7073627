// hive inject: faults in a machine whose plan allows them.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/table.h"
#include "cellmon/inject/catalogue.h"
#include "vmm/base/error.h"
#include "vmm/plan/text.h"

namespace hive::cli {
namespace {

struct InjectOptions {
  bool list = false;
  std::string cell;
  std::string fault;
  std::vector<std::string> values;
};

std::string usage_of(const inject::Parameter& parameter) {
  const char* value = parameter.kind == inject::ValueKind::kCell ? "=CELL" : "=TIME";
  const std::string word = std::string(parameter.name) + value;
  return parameter.required ? word : "[" + word + "]";
}

int list_faults() {
  std::vector<TableRow> rows{{"fault", "parameters", "what happens"}};
  for (const inject::Entry& entry : inject::catalogue()) {
    std::string parameters;
    for (const inject::Parameter& parameter : entry.parameters) {
      parameters += (parameters.empty() ? "" : " ") + usage_of(parameter);
    }
    rows.push_back({std::string(entry.name), parameters, std::string(entry.meaning)});
  }
  fmt::print("{}", format_table(rows, "lll"));
  return 0;
}

Json parameters_of(const InjectOptions& options) {
  Json parameters = Json::object();
  for (const std::string& word : options.values) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(plan::quote(word) + " is no parameter; write KEY=VALUE", Error::Kind::kUsage);
    }
    const std::string key = word.substr(0, equals);
    if (parameters.contains(key)) {
      throw Error("parameter " + plan::quote(key) + " is given twice", Error::Kind::kUsage);
    }
    parameters[key] = word.substr(equals + 1);
  }
  return parameters;
}

int run_inject(const InjectOptions& options) {
  if (options.list) return list_faults();
  if (options.cell.empty() || options.fault.empty()) {
    throw Error("a CELL and a FAULT are needed; hive inject --list shows the faults",
                Error::Kind::kUsage);
  }
  const Json parameters = parameters_of(options);
  const wire::CellAddress cell = find_cell(options.cell);
  auto client = RpcClient::connect(cell);
  if (!client) throw lost_monitor(cell);
  client->call("inject", {{"fault", options.fault}, {"parameters", parameters}});
  fmt::print("{}: {} injected\n", cell.full_name(), options.fault);
  return 0;
}

}  // namespace

void add_inject(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<InjectOptions>();
  CLI::App* command =
      app.add_subcommand("inject", "Inject a fault into a cell, its VMM or its monitor");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL");
  command->add_option("FAULT", options->fault, "One of those that --list shows");
  command->add_option("VALUES", options->values, "The fault's parameters: KEY=VALUE");
  command->add_flag("--list", options->list, "Show the faults, and their parameters");
  command->callback([options, &exit_status] { exit_status = run_inject(*options); });
}

}  // namespace hive::cli
