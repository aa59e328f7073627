#include "cellmon/control/service.h"

#include <unistd.h>

#include <csignal>
#include <utility>
#include <vector>

#include "cellmon/control/log.h"
#include "cellmon/control/run_name.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

constexpr std::size_t kCellLogLimit = 1024 * 1024;
constexpr std::chrono::milliseconds kLingerStep{10};
constexpr int kLingerTries = 100;

CellSettings settings_of(const plan::Machine& machine, const plan::Cell& cell,
                         const std::string& vmm_program, int life_name, const Origin& origin) {
  CellSettings settings;
  settings.life = origin.life;
  settings.start_monitor = origin.start_monitor;
  settings.cgroup = origin.cgroup;
  settings.machine = machine;
  settings.own = static_cast<unsigned>(cell.id);
  settings.launch = [vmm_program, life_name](cell::CellConfig config, bool with_agent) {
    return launch_vmm(vmm_program, std::move(config), with_agent, life_name);
  };
  return settings;
}

CellSettings with_files(CellSettings settings, const std::string& folder,
                        const std::string& log_file) {
  settings.folder = folder;
  settings.log_file = log_file;
  return settings;
}

}  // namespace

Service::Names::Names(const plan::Machine& machine, const plan::Cell& cell, const Origin& origin) {
  const bool is_later = origin.life != agree::kFounder;
  const wire::CellAddress address{::geteuid(), machine.name, cell.name};
  // One that is not to take over anything need not wait for a monitor that serves.
  if (!is_later) listener = wire::listen_abstract(wire::socket_name(address));
  life = await_run_name(machine, cell.name, origin.life, origin.end_limit);
  if (is_later) listener = wire::listen_abstract(wire::socket_name(address));
}

Service::Service(const plan::Machine& machine, const plan::Cell& cell, const std::string& run_dir,
                 const std::string& vmm_program, Origin origin)
    : names_(machine, cell, origin),
      folder_(run_dir + "/" + machine.name),
      log_file_(
          folder_.path() + "/" + cell.name + ".log", kCellLogLimit,
          origin.life == agree::kFounder ? BoundedFile::Begin::kAnew : BoundedFile::Begin::kAtEnd),
      log_(make_log(log_file_)),
      monitor_(loop_,
               with_files(settings_of(machine, cell, vmm_program, names_.life.get(), origin),
                          folder_.path(), log_file_.path()),
               *log_, std::move(origin.heritage)),
      server_(loop_, std::move(names_.listener), monitor_, *log_,
              [this](bool purge) { return finish(purge); }),
      signals_(loop_, SIGTERM, SIGINT),
      linger_(loop_) {}

Service::~Service() { names_.listener = server_.release_listener(); }

void Service::run() {
  await_signal();
  monitor_.start(server_);
  loop_.run();
}

void Service::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    log_->info("signal {}", number);
    monitor_.request_down(true, {});
    await_signal();
  });
}

wire::Json Service::finish(bool purge) {
  std::vector<std::string> kept;
  if (!purge && monitor_.machine().ended_badly()) {
    kept = monitor_.keep_files();
    log_file_.keep();
    kept.push_back(log_file_.path());
  }
  linger(kLingerTries);
  return {{"clean", monitor_.wax() != nullptr || monitor_.machine().ended_cleanly()},
          {"kept", kept}};
}

void Service::linger(int tries) {
  linger_.expires_after(kLingerStep);
  linger_.async_wait([this, tries](const boost::system::error_code&) {
    if (tries > 0 && server_.has_queue()) return linger(tries - 1);
    loop_.stop();
  });
}

}  // namespace hive::control
