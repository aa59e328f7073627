// The start and the end of a cell's VMM, and of monitors in place of others.
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "cellmon/control/cell_monitor.h"

namespace hive::control {

using std::chrono::steady_clock;

void CellMonitor::watch_for_company() {
  add_event({"monitor-started", "in place of one that has ended"});
  company_.arm(Siblings::kJoinLimit, [this] {
    if (siblings_.has_any()) return;
    add_event({"alone", "no other monitor of the machine is there"});
    request_down(true, {});
  });
}

void CellMonitor::start_vmm() {
  vmm_.reset();
  vmm_since_ = steady_clock::now();
  boot_ms_ = 0;
  kernel_.clear();
  start_waits_ = true;
  siblings_awaited_ = false;
  try_launch();
}

void CellMonitor::try_launch() {
  if (!start_waits_) return;
  members_->join();
  if (!members_->may_start()) return;
  if (!siblings_.are_ready()) return await_siblings();
  start_waits_ = false;
  machine_.raise_incarnation(members_->view().incarnations[settings_.own]);
  machine_.raise_incarnation(vsock_->routes().least());
  launch_vmm();
}

void CellMonitor::await_siblings() {
  if (std::exchange(siblings_awaited_, true)) return;
  siblings_.await([this](const std::string& why) {
    siblings_awaited_ = false;
    if (why.empty() || !start_waits_) return try_launch();
    start_waits_ = false;
    apply(machine_.on_spawn_failed(why));
  });
}

void CellMonitor::replace_monitor(CellId cell, int process, bool has_ended) {
  replacements_.replace(cell, process, has_ended,
                        global_ ? global_->heritage() : std::vector<GlobalFileNumbers>());
}

void CellMonitor::launch_vmm() {
  try {
    LaunchedVmm launched = settings_.launch(vmm_config(), settings_.cell().agent);
    UniqueFd link = std::move(launched.global);
    UniqueFd vsock_link = std::move(launched.vsock);
    vmm_ = std::make_unique<VmmInstance>(loop_, std::move(launched), vmm_handlers());
    watch_.attach(*vmm_);
    if (balloon_.target() != 0) vmm_->set_balloon(balloon_.target_pages());
    if (global_) global_->attach(std::move(link), machine_.incarnation());
    vsock_->attach(std::move(vsock_link), machine_.incarnation());
    siblings_.begin(machine_.incarnation());
    members_->set_incarnation(machine_.incarnation());
    log_.info("VMM {} runs incarnation {}", vmm_->pid(), machine_.incarnation());
  } catch (const std::exception& error) {  // Of the loop, too: the cell fails, its monitor serves.
    vmm_.reset();
    detach();
    apply(machine_.on_spawn_failed(error.what()));
  }
}

void CellMonitor::detach() {
  watch_.detach();
  hang_.clear();
  note_load({});
  faults_->detach();
  siblings_.tell_end();
  members_->set_incarnation(0);
  if (global_) global_->detach();
  vsock_->detach();
}

void CellMonitor::kill_vmm() {
  if (vmm_) return vmm_->kill();
  if (!std::exchange(start_waits_, false)) return;
  siblings_.cancel();
  boost::asio::post(loop_, [this] { apply(machine_.on_vmm_exit("not started", {})); });
}

}  // namespace hive::control
