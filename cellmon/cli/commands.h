// The commands of `hive`: each adds itself to the command line and, when chosen, runs and sets the
// exit status. They throw Error.
#pragma once

#include <CLI/App.hpp>

namespace hive::cli {

void add_check(CLI::App& app, int& exit_status);
void add_host(CLI::App& app, int& exit_status);
void add_up(CLI::App& app, int& exit_status);
void add_status(CLI::App& app, int& exit_status);
void add_memory(CLI::App& app, int& exit_status);
void add_firewall(CLI::App& app, int& exit_status);
void add_move(CLI::App& app, int& exit_status);
void add_metrics(CLI::App& app, int& exit_status);
void add_top(CLI::App& app, int& exit_status);
void add_rpc(CLI::App& app, int& exit_status);
void add_events(CLI::App& app, int& exit_status);
void add_console(CLI::App& app, int& exit_status);
void add_exec(CLI::App& app, int& exit_status);
void add_pause(CLI::App& app, int& exit_status);
void add_balloon(CLI::App& app, int& exit_status);
void add_plug(CLI::App& app, int& exit_status);
void add_weight(CLI::App& app, int& exit_status);
void add_resume(CLI::App& app, int& exit_status);
void add_reboot(CLI::App& app, int& exit_status);
void add_inject(CLI::App& app, int& exit_status);
void add_campaign(CLI::App& app, int& exit_status);
void add_down(CLI::App& app, int& exit_status);

}  // namespace hive::cli
