// hive inject: faults in a machine whose plan allows them.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/table.h"
#include "cellmon/inject/catalogue.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"
#include "vmm/plan/text.h"

namespace hive::cli {
namespace {

/// A guest's agent has 5 seconds to say where things are, and then the VMM as long to do a fault.
constexpr Milliseconds kAnswer{12'000};

struct InjectOptions {
  bool list = false;
  bool pending = false;
  bool cancel = false;
  std::string cell;
  std::string fault;
  std::vector<std::string> values;
};

std::string usage_of(const inject::Parameter& parameter) {
  const std::string word = fmt::format("{}={}", parameter.name, placeholder(parameter.kind));
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
  std::string timing;
  for (const inject::Parameter& parameter : inject::timing_parameters()) {
    timing += " " + usage_of(parameter);
  }
  fmt::print("\nEach of them at a time:{}\n", timing);
  return 0;
}

int list_pending(const wire::CellAddress& cell) {
  const Json pending = RpcClient::reach(cell).call("inject.pending", Json::object())["pending"];
  for (const Json& line : pending)
    fmt::print("{}\n", wire::printable(line.get<std::string>(), 512));
  if (pending.empty()) fmt::print("{}: no fault waits for its time\n", cell.full_name());
  return 0;
}

int cancel_pending(const wire::CellAddress& cell) {
  const Json answer = RpcClient::reach(cell).call("inject.cancel", Json::object());
  fmt::print("{}: {} cancelled\n", cell.full_name(), answer["cancelled"].get<std::size_t>());
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
  if ((options.pending || options.cancel) && !options.cell.empty() && options.fault.empty()) {
    const wire::CellAddress cell = find_cell(options.cell);
    return options.pending ? list_pending(cell) : cancel_pending(cell);
  }
  if (options.pending || options.cancel) {
    throw Error("a CELL is needed, and nothing more", Error::Kind::kUsage);
  }
  if (options.cell.empty() || options.fault.empty()) {
    throw Error("a CELL and a FAULT are needed; hive inject --list shows the faults",
                Error::Kind::kUsage);
  }
  const Json parameters = parameters_of(options);
  const wire::CellAddress cell = find_cell(options.cell);
  RpcClient::reach(cell).call("inject", {{"fault", options.fault}, {"parameters", parameters}},
                              kAnswer);
  const bool is_later =
      parameters.contains("at") || parameters.contains("after") || parameters.contains("every");
  fmt::print("{}: {} {}\n", cell.full_name(), options.fault,
             is_later ? "will be injected" : "injected");
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
  command->add_flag("--pending", options->pending,
                    "Show the faults of CELL that wait for their time");
  command->add_flag("--cancel", options->cancel, "Take those away");
  command->callback([options, &exit_status] { exit_status = run_inject(*options); });
}

}  // namespace hive::cli
