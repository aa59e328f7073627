// The start and the end of a cell's VMM, and of monitors in place of others.
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "cellmon/control/cell_monitor.h"

namespace hive::control {
namespace {

memory::Backing backing_of(plan::HugePages pages) {
  switch (pages) {
    case plan::HugePages::kReserved:
      return memory::Backing::kHugePages;
    case plan::HugePages::kNone:
      return memory::Backing::kSmallPages;
    case plan::HugePages::kAutomatic:
      break;
  }
  return memory::Backing::kAutomatic;
}

}  // namespace

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
    if (wax_) wax_->not_started();
    apply(machine_.on_spawn_failed(why));
  });
}

void CellMonitor::replace_monitor(CellId cell, int process, bool has_ended) {
  replacements_.replace(cell, process, has_ended,
                        global_ ? global_->heritage() : std::vector<GlobalFileNumbers>());
}

cell::CellConfig CellMonitor::vmm_config() {
  const plan::Cell& cell = settings_.cell();
  cell::CellConfig config;
  config.name = cell.name;
  config.incarnation = machine_.incarnation();
  config.vcpus = cell.vcpus;
  config.host_cpus = cell.host_cpus;
  config.memory = cell.memory;
  config.spare = spare_.room();
  config.backing = backing_of(cell.huge_pages);
  config.kernel = cell.kernel;
  config.initrd = cell.initrd;
  config.cmdline = cell.cmdline;
  for (const plan::Disk& disk : cell.disks) config.disks.push_back({disk.path, disk.read_only});
  config.crash_dump = !cell.crash_dump.empty();
  if (wax_) {
    config.policy = wax_->config();
    if (const auto& rogue = wax_->rogue()) {
      config.kernel = WaxHost::Rogue::program(cell.kernel);
      config.cmdline = rogue->cmdline();
    }
  } else {
    if (global_) config.global = global_->config();
    config.vsock = vsock_->config();
  }
  config.progress_fd = watch_.prepare();
  return config;
}

void CellMonitor::launch_vmm() {
  try {
    LaunchedVmm launched = settings_.launch(vmm_config(), settings_.cell().agent);
    UniqueFd link = std::move(launched.global);
    UniqueFd vsock_link = std::move(launched.vsock);
    UniqueFd policy_link = std::move(launched.policy);
    UniqueFd autogroup = std::move(launched.autogroup);
    vmm_ = std::make_unique<VmmInstance>(loop_, std::move(launched), vmm_handlers());
    cpu_->attach({vmm_->pid(), std::move(autogroup)});
    watch_.attach(*vmm_);
    sharing_->vmm_started(settings_.life, machine_.incarnation());
    if (wax_) {
      wax_->attach(std::move(policy_link), machine_.incarnation());
    } else {
      if (global_) global_->attach(std::move(link), machine_.incarnation());
      vsock_->attach(std::move(vsock_link), machine_.incarnation());
    }
    siblings_.begin(machine_.incarnation());
    members_->set_incarnation(machine_.incarnation());
    log_.info("VMM {} runs incarnation {}", vmm_->pid(), machine_.incarnation());
  } catch (const std::exception& error) {  // Of the loop, too: the cell fails, its monitor serves.
    vmm_.reset();
    detach();
    if (wax_) wax_->not_started();
    apply(machine_.on_spawn_failed(error.what()));
  }
}

void CellMonitor::detach() {
  cpu_->detach();
  watch_.detach();
  hang_.clear();
  note_load({});
  faults_->detach();
  siblings_.tell_end();
  members_->set_incarnation(0);
  sharing_->vmm_ended();
  if (wax_) return wax_->detach();
  if (global_) global_->detach();
  if (placement_) placement_->vmm_ended();
  vsock_->detach();
}

void CellMonitor::kill_vmm() {
  if (vmm_) {
    cpu_->end();
    return vmm_->kill();
  }
  if (!std::exchange(start_waits_, false)) return;
  siblings_.cancel();
  boost::asio::post(loop_, [this] { apply(machine_.on_vmm_exit("not started", {})); });
}

}  // namespace hive::control
