#include "cellmon/control/service.h"

#include <unistd.h>

#include <csignal>
#include <utility>
#include <vector>

#include "cellmon/control/log.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/local_socket.h"

namespace hive::control {
namespace {

constexpr std::size_t kLogLimit = 1024 * 1024;
constexpr std::chrono::milliseconds kLingerStep{10};
constexpr int kLingerTries = 100;

UniqueFd listen_for(const plan::Machine& machine, const plan::Cell& cell) {
  return wire::listen_abstract(wire::socket_name({::geteuid(), machine.name, cell.name}));
}

CellSettings settings_of(const plan::Machine& machine, const plan::Cell& cell,
                         const std::string& vmm_program, const std::string& folder,
                         const std::string& log_file, agree::Life life) {
  CellSettings settings;
  settings.life = life;
  settings.machine = machine;
  settings.own = static_cast<unsigned>(cell.id);
  settings.launch = [vmm_program](cell::CellConfig config, bool with_agent) {
    return launch_vmm(vmm_program, std::move(config), with_agent);
  };
  settings.folder = folder;
  settings.log_file = log_file;
  return settings;
}

}  // namespace

Service::Service(const plan::Machine& machine, const plan::Cell& cell, const std::string& run_dir,
                 const std::string& vmm_program, agree::Life life)
    : listener_(listen_for(machine, cell)),
      folder_(run_dir + "/" + machine.name),
      log_file_(folder_.path() + "/" + cell.name + ".log", kLogLimit),
      log_(make_log(log_file_)),
      monitor_(loop_,
               settings_of(machine, cell, vmm_program, folder_.path(), log_file_.path(), life),
               *log_),
      server_(loop_, std::move(listener_), monitor_, *log_,
              [this](bool purge) { return finish(purge); }),
      signals_(loop_, SIGTERM, SIGINT),
      linger_(loop_) {}

Service::~Service() { listener_ = server_.release_listener(); }

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
  return {{"clean", monitor_.machine().ended_cleanly()}, {"kept", kept}};
}

void Service::linger(int tries) {
  linger_.expires_after(kLingerStep);
  linger_.async_wait([this, tries](const boost::system::error_code&) {
    if (tries > 0 && server_.has_queue()) return linger(tries - 1);
    loop_.stop();
  });
}

}  // namespace hive::control
