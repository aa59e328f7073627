// hive: starts, watches and ends machines.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "cellmon/cli/command_line.h"
#include "cellmon/cli/commands.h"
#include "cellmon/cli/output.h"
#include "vmm/base/error.h"

namespace {

int run(int argc, char** argv) {
  int exit_status = 0;
  CLI::App app("Hive: many Linux guests on one machine, sharing memory without shared fate",
               "hive");
  app.require_subcommand(1);
  for (const auto& add : {hive::cli::add_check,   hive::cli::add_host,   hive::cli::add_up,
                          hive::cli::add_status,  hive::cli::add_memory, hive::cli::add_firewall,
                          hive::cli::add_move,    hive::cli::add_rpc,    hive::cli::add_metrics,
                          hive::cli::add_top,     hive::cli::add_events, hive::cli::add_console,
                          hive::cli::add_exec,    hive::cli::add_pause,  hive::cli::add_resume,
                          hive::cli::add_balloon, hive::cli::add_plug,   hive::cli::add_weight,
                          hive::cli::add_reboot,  hive::cli::add_inject, hive::cli::add_campaign,
                          hive::cli::add_down}) {
    add(app, exit_status);
  }
  app.failure_message(hive::cli::describe_usage_error);
  hive::cli::refuse_unknown_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    return app.exit(error) == 0 && is_help ? 0 : static_cast<int>(hive::Error::Kind::kUsage);
  }
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const int exit_status = run(argc, argv);
    hive::cli::flush_output();
    return exit_status;
  } catch (const hive::Error& error) {
    fmt::print(stderr, "hive: {}\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    fmt::print(stderr, "hive: {}\n", error.what());
    return 1;
  }
}
