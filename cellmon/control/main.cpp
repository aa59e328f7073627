// hive-cellmon: the monitor of one cell, or a witness. `hive up` starts one per cell, and a witness
// where the plan has one.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cellmon/control/heritage.h"
#include "cellmon/control/options.h"
#include "cellmon/control/service.h"
#include "cellmon/control/witness.h"
#include "cellmon/wire/monitor_process.h"
#include "vmm/base/error.h"
#include "vmm/plan/json.h"

namespace {

using hive::Error;
using hive::UniqueFd;
namespace control = hive::control;
namespace plan = hive::plan;

std::string read_all(int fd) {
  constexpr std::size_t kMaxPlan = 16 * 1024 * 1024;
  std::string text;
  std::array<char, 16 * 1024> buffer;
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kMaxPlan) throw Error("the plan is too long");
  }
  if (count < 0) hive::throw_errno("cannot read the plan");
  return text;
}

/// The path of this program, or where it was when it was started.
std::string own_path() {
  std::array<char, PATH_MAX> buffer;
  const ssize_t size = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (size <= 0) hive::throw_errno("cannot read /proc/self/exe");
  return {buffer.data(), static_cast<std::size_t>(size)};
}

/// The path of hive-vmm beside this program.
std::string default_vmm() {
  const std::string path = own_path();
  return path.substr(0, path.rfind('/')) + "/hive-vmm";
}

/// Starts other cells' monitors as this one was.
control::Replacements::Start starter(const plan::Machine& machine, const std::string& run_dir,
                                     const std::string& vmm) {
  hive::wire::MonitorStart start;
  start.program = own_path();
  // Other monitors of the machine are this version, too, whatever its path leads to now.
  if (::access(start.program.c_str(), X_OK) != 0) start.program = "/proc/self/exe";
  start.plan = plan::to_json(machine);
  start.run_dir = run_dir;
  start.vmm = vmm;
  start.is_orphan = true;
  return [start](const control::Replacements::Wanted& wanted) {
    hive::wire::MonitorStart each = start;
    each.index = wanted.cell;
    each.life = wanted.life;
    each.heritage = wanted.heritage;
    return hive::wire::start_monitor(each).ready;
  };
}

/// Leaves the terminal, the folder and the standard streams of whoever started this process.
void detach(const std::string& log_path) {
  ::setsid();
  if (::chdir("/") != 0) hive::throw_errno("cannot change to /");
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd log(::open(log_path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!null || !log) hive::throw_errno("cannot open " + log_path);
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
}

void tell_starter(UniqueFd ready, const nlohmann::json& message) {
  const std::string line = message.dump() + "\n";
  if (::write(ready.get(), line.data(), line.size()) < 0) return;  // The starter is gone.
}

/// Makes the monitor that OPTIONS name: what it has to do from then on.
std::function<void()> set_up(const control::Options& options, UniqueFd plan_fd, UniqueFd heritage) {
  const plan::Machine machine = plan::parse_machine(read_all(plan_fd.get()));
  const std::string vmm = options.vmm.empty() ? default_vmm() : options.vmm;
  control::Origin origin;
  origin.life = options.life;
  if (heritage) origin.heritage = control::take_heritage(heritage, machine);
  const char* cgroup = std::getenv("HIVE_CGROUP");
  origin.cgroup = cgroup == nullptr ? control::kAnyCgroup : cgroup;
  origin.start_monitor = starter(machine, options.run_dir, vmm);
  if (machine.witness && options.cell == machine.cells.size()) {
    auto witness = std::make_shared<control::Witness>(machine, options.run_dir, std::move(origin));
    detach(witness->log_path());
    return [witness] { witness->run(); };
  }
  if (options.cell >= machine.cells.size()) throw Error("the plan has no such cell");
  auto service = std::make_shared<control::Service>(machine, machine.cells[options.cell],
                                                    options.run_dir, vmm, std::move(origin));
  detach(service->log_path());
  return [service] { service->run(); };
}

int serve(const control::Options& options) {
  UniqueFd plan_fd(options.plan_fd);
  UniqueFd ready(options.ready_fd);
  UniqueFd heritage(options.heritage_fd);
  for (const UniqueFd* fd : {&plan_fd, &ready, &heritage}) ::fcntl(fd->get(), F_SETFD, FD_CLOEXEC);
  std::function<void()> run;
  try {
    run = set_up(options, std::move(plan_fd), std::move(heritage));
  } catch (const std::exception& error) {
    tell_starter(std::move(ready), {{"error", error.what()}});
    return 1;
  }
  tell_starter(std::move(ready), {{"ready", true}, {"pid", ::getpid()}});
  run();
  return 0;
}

/// A large machine's monitor has a dozen descriptors for each cell, and so has its VMM.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  allow_many_descriptors();
  try {
    return serve(control::parse_options(
        {const_cast<const char**>(argv) + 1, static_cast<std::size_t>(std::max(argc - 1, 0))}));
  } catch (const Error& error) {
    std::fprintf(stderr, "hive-cellmon: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hive-cellmon: %s\n", error.what());
    return 1;
  }
}
