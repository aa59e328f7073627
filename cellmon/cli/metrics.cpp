// hive metrics: what cells do and cost, in numbers.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/figures.h"
#include "cellmon/cli/metrics_server.h"
#include "cellmon/cli/metrics_view.h"
#include "cellmon/cli/rpc_client.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

struct MetricsOptions {
  std::string name;  ///< MACHINE or MACHINE/CELL.
  bool json = false;
  bool prometheus = false;
  std::string listen;
};

/// Both parts of "MACHINE/CELL".
std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) return {name, {}};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

int run_metrics(const MetricsOptions& options) {
  const auto [machine, cell] = split(options.name);
  if (!options.listen.empty()) {
    serve_metrics(parse_listen(options.listen), [machine = machine, cell = cell] {
      return metrics::format_prometheus(reports_of(fetch_figures(machine), cell));
    });
    return 0;
  }
  const auto reports = reports_of(fetch_figures(machine), cell);
  if (reports.empty() && !machine.empty()) {
    const auto cells = find_cells();
    choose_machine(machine, cells);
    if (!cell.empty()) choose_cell(options.name, cells);
  }
  if (options.prometheus) {
    fmt::print("{}", metrics::format_prometheus(reports));
  } else if (options.json) {
    fmt::print("{}\n",
               metrics::to_json(reports).dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (reports.empty()) {
    fmt::print("no machine runs\n");
  } else {
    fmt::print("{}", format_metrics(reports));
  }
  return 0;
}

}  // namespace

void add_metrics(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<MetricsOptions>();
  CLI::App* command = app.add_subcommand("metrics", "Show what cells do and cost, in numbers");
  command->add_option("NAME", options->name, "Only MACHINE's, or those of MACHINE/CELL");
  CLI::Option* json = command->add_flag("--json", options->json, "As one JSON object");
  CLI::Option* prometheus =
      command->add_flag("--prometheus", options->prometheus, "As Prometheus reads them");
  CLI::Option* listen = command->add_option(
      "--listen", options->listen,
      "Serve them to Prometheus, until a signal comes, at ADDRESS:PORT of the loopback interface");
  json->excludes(prometheus)->excludes(listen);
  prometheus->excludes(listen);
  command->callback([options, &exit_status] { exit_status = run_metrics(*options); });
}

}  // namespace hive::cli
