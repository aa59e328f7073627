// hive pause, resume and reboot: requests to one cell.
#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <string>

#include "cellmon/cli/boot_watch.h"
#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/seconds.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

constexpr Milliseconds kPauseTimeout{10'000};
constexpr Milliseconds kRebootSlack{15'000};

int run_request(const std::string& cell, const std::string& method, const char* done) {
  RpcClient client = RpcClient::reach(find_cell(cell));
  // A VMM may take long to obey; a monitor that takes long to answer hangs.
  client.call("status", Json::object());
  client.call(method, Json::object(), kPauseTimeout);
  fmt::print("{}: {}\n", client.address().full_name(), done);
  return 0;
}

void add_request(CLI::App& app, int& exit_status, const std::string& method, const char* help,
                 const char* done) {
  auto cell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(method, help);
  command->add_option("CELL", *cell, "CELL or MACHINE/CELL")->required();
  command->callback(
      [cell, method, done, &exit_status] { exit_status = run_request(*cell, method, done); });
}

struct RebootOptions {
  std::string cell;
  bool force = false;
  bool detach = false;
  double grace = 10;     // Seconds.
  double timeout = 600;  // Seconds.
};

/// The number of the cell's last event.
std::uint64_t last_event(RpcClient& client) {
  std::uint64_t last = 0;
  bool more = true;
  while (more) {
    const Json page = client.call("events.list", {{"after", last}});
    if (!page.is_object() || !page.contains("events") || page["events"].empty()) break;
    const auto event = wire::parse_event(page["events"].back());
    more = event && event->sequence > last && page.value("more", Json()) == true;
    if (event) last = event->sequence;
  }
  return last;
}

int run_reboot(const RebootOptions& options) {
  const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
  RpcClient client = RpcClient::reach(find_cell(options.cell));
  const Milliseconds grace = to_milliseconds(options.grace);
  const std::uint64_t last = last_event(client);
  client.call("reboot", {{"force", options.force}, {"grace_ms", grace.count()}},
              grace + kRebootSlack);
  const std::string name = client.address().full_name();
  if (options.detach) {
    fmt::print("{}: reboots\n", name);
    return 0;
  }
  std::vector<BootWatch::Cell> cells;
  cells.push_back({std::move(client), last});
  BootWatch watch(std::move(cells));
  const Milliseconds timeout = to_milliseconds(options.timeout);
  switch (watch.wait(false, timeout, signals)) {
    case BootWatch::Result::kUp:
      return 0;
    case BootWatch::Result::kFailed:
      throw Error("cell " + name + ": " + watch.boots().front().failure());
    case BootWatch::Result::kTimedOut:
      throw Error("cell " + name + ": its guest was not up in time; it boots on");
    case BootWatch::Result::kInterrupted:
      throw Error("interrupted; cell " + name + " boots on");
  }
  return 1;
}

}  // namespace

void add_pause(CLI::App& app, int& exit_status) {
  add_request(app, exit_status, "pause", "Hold a cell's vCPUs", "paused");
}

void add_resume(CLI::App& app, int& exit_status) {
  add_request(app, exit_status, "resume", "Let a paused cell go on", "resumed");
}

void add_reboot(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<RebootOptions>();
  CLI::App* command = app.add_subcommand("reboot", "Reboot a cell, or start one that has ended");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL")->required();
  command->add_flag("--force", options->force, "Kill the guest instead of asking it");
  command->add_flag("--detach", options->detach, "Return once it starts; the guest boots on");
  add_seconds(*command, "--grace", options->grace,
              "Seconds that the guest has to shut down before it is killed");
  add_seconds(*command, "--timeout", options->timeout,
              "Seconds that the guest has to come up; 0: any time");
  command->callback([options, &exit_status] { exit_status = run_reboot(*options); });
}

}  // namespace hive::cli
