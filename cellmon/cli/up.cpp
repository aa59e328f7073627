// hive up: start a machine.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "cellmon/cli/boot_watch.h"
#include "cellmon/cli/check_file.h"
#include "cellmon/cli/commands.h"
#include "cellmon/cli/console_tail.h"
#include "cellmon/cli/host_kvm.h"
#include "cellmon/cli/log_level.h"
#include "cellmon/cli/machine_start.h"
#include "cellmon/cli/run_dir.h"
#include "cellmon/cli/seconds.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

struct UpOptions {
  std::string file;
  bool detach = false;
  double timeout = 600;  // Seconds.
};

/// Says why the machine did not come up, with the end of the consoles of guests that ran.
void explain(BootWatch& watch, bool timed_out) {
  constexpr std::size_t kLines = 5;
  for (std::size_t i = 0; i < watch.boots().size(); ++i) {
    const CellBoot& boot = watch.boots()[i];
    const CellBoot::Outcome outcome = boot.outcome(false);
    const bool late = timed_out && outcome == CellBoot::Outcome::kPending;
    if (outcome != CellBoot::Outcome::kFailed && !late) continue;
    fmt::print(stderr, "hive: cell {}: {}\n", boot.cell(),
               late ? "its guest was not up in time" : boot.failure());
    if (!boot.has_run()) continue;
    try {
      for (const std::string& line :
           last_lines(read_console(watch.cells()[i].client, "serial"), kLines)) {
        fmt::print(stderr, "hive: cell {} wrote: {}\n", boot.cell(), line);
      }
    } catch (const Error&) {
      continue;  // The monitor is gone, which the outcome tells.
    }
  }
}

int run_up(const UpOptions& options) {
  const std::optional<plan::Machine> machine = check_file(options.file);
  if (!machine) return static_cast<int>(Error::Kind::kUsage);
  check_log_level();
  const KvmReport kvm = judge_kvm(gather_kvm_facts());
  if (!kvm.works) throw Error(kvm.problem + "; " + kvm.remedy);
  const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
  MachineStart start(*machine, ensure_run_dir(), signals);
  BootWatch watch(start.connect());
  const Milliseconds timeout = to_milliseconds(options.timeout);
  const BootWatch::Result result = watch.wait(options.detach, timeout, signals);
  switch (result) {
    case BootWatch::Result::kUp:
      start.release();
      fmt::print("machine {} {}\n", machine->name, options.detach ? "starts" : "is up");
      return 0;
    case BootWatch::Result::kInterrupted:
      fmt::print(stderr, "hive: interrupted; machine {} is taken down\n", machine->name);
      return 1;
    case BootWatch::Result::kFailed:
    case BootWatch::Result::kTimedOut:
      explain(watch, result == BootWatch::Result::kTimedOut);
      fmt::print(stderr, "hive: machine {} did not come up and is taken down\n", machine->name);
      return 1;
  }
  return 1;
}

}  // namespace

void add_up(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "Start a machine");
  command->add_option("FILE", options->file, "The machine's plan (YAML)")->required();
  command->add_flag("--detach", options->detach, "Return once the VMMs run; guests boot on");
  add_seconds(*command, "--timeout", options->timeout,
              "Seconds that the guests have to come up; 0: any time");
  command->callback([options, &exit_status] { exit_status = run_up(*options); });
}

}  // namespace hive::cli
