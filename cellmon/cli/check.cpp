// hive check: is a plan sound? hive host: what has this host to give?
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cellmon/cli/check_file.h"
#include "cellmon/cli/commands.h"
#include "cellmon/cli/host_report.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

int run_check(const std::string& file) {
  const std::optional<plan::Machine> machine = check_file(file);
  if (!machine) return static_cast<int>(Error::Kind::kUsage);
  fmt::print("{}: machine {} is sound: {} cell{}\n", file, machine->name, machine->cells.size(),
             machine->cells.size() == 1 ? "" : "s");
  return 0;
}

int run_host(bool json) {
  const HostReport report = host_report();
  fmt::print("{}", json ? host_report_json(report) + "\n" : format_host_report(report));
  return 0;
}

}  // namespace

void add_check(CLI::App& app, int& exit_status) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("check", "Check a machine's plan without starting it");
  command->add_option("FILE", *file, "The machine's plan (YAML)")->required();
  command->callback([file, &exit_status] { exit_status = run_check(*file); });
}

void add_host(CLI::App& app, int& exit_status) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("host", "Show this host's CPUs, memory and KVM");
  command->add_flag("--json", *json, "As one JSON object");
  command->callback([json, &exit_status] { exit_status = run_host(*json); });
}

}  // namespace hive::cli
