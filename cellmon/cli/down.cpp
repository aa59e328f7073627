// hive down: end a machine.
#include <memory>
#include <string>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machine_end.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/seconds.h"

namespace hive::cli {
namespace {

struct DownOptions {
  std::string machine;
  bool force = false;
  double timeout = 10;  // Seconds.
};

int run_down(const DownOptions& options) {
  EndOptions end;
  end.force = options.force;
  if (options.force) {  // Nothing waits for a guest.
    end.slack = Milliseconds(5'000);
  }
  end.grace = options.force ? Milliseconds(0) : to_milliseconds(options.timeout);
  return end_machine(choose_machine(options.machine, find_cells()), end) ? 0 : 1;
}

}  // namespace

void add_down(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<DownOptions>();
  CLI::App* command = app.add_subcommand("down", "End a machine: shut its guests down");
  command->add_option("MACHINE", options->machine, "Which; not needed when one runs");
  command->add_flag("--force", options->force, "Kill the guests, and monitors that hang");
  add_seconds(*command, "--timeout", options->timeout,
              "Seconds that the guests have to shut down before they are killed");
  command->callback([options, &exit_status] { exit_status = run_down(*options); });
}

}  // namespace hive::cli
