#include "cellmon/control/metrics_report.h"

#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "cellmon/control/guest_counts.h"
#include "cellmon/control/metrics_sharing.h"
#include "cellmon/control/process_figures.h"

namespace hive::control {
namespace {

using metrics::Metric;
using metrics::Report;

void add_cell(Report& report, const CellMonitor& monitor, const wire::CellStatus& status) {
  constexpr int kStates = static_cast<int>(wire::CellState::kStopped) + 1;
  for (int index = 0; index < kStates; ++index) {
    const auto state = static_cast<wire::CellState>(index);
    report.add(Metric::kCellState, metric_value(state == status.state), {to_string(state)});
  }
  report.add(Metric::kIncarnation, metric_value(static_cast<std::uint64_t>(status.incarnation)));
  report.add(Metric::kVcpus, metric_value(status.vcpus));
  report.add(Metric::kMemory, metric_value(status.memory));
  report.add(Metric::kBalloon, metric_value(monitor.balloon().target()), {"asked"});
  report.add(Metric::kBalloon, metric_value(monitor.ballooned()), {"given"});
  report.add(Metric::kPlugged, metric_value(monitor.spare().target()), {"asked"});
  report.add(Metric::kPlugged, metric_value(monitor.plugged()), {"plugged"});
  report.add(Metric::kCpuWeight, metric_value(status.cpu.plan), {"plan"});
  report.add(Metric::kCpuWeight, metric_value(status.cpu.usual), {"usual"});
  report.add(Metric::kCpuWeight, metric_value(status.cpu.weight), {"now"});
  report.add(Metric::kCpuWeight, metric_value(status.cpu.applied), {"applied"});
  report.add(Metric::kBootTime, metric_value(status.boot_ms) / 1000);
  for (const auto& [kind, count] : monitor.events().counts()) {
    report.add(Metric::kEvents, metric_value(count), {kind});
  }
}

void add_view(Report& report, const CellMonitor& monitor, const wire::ViewStatus& view) {
  report.add(Metric::kEpoch, metric_value(view.epoch));
  report.add(Metric::kMembers, metric_value(std::uint64_t{view.members.size()}));
  report.add(Metric::kIsMember, metric_value(view.member));
  report.add(Metric::kIsSuspended, metric_value(view.suspended));
  for (const auto& watched : view.watched) {
    report.add(Metric::kSuspicion, watched.suspicion, {watched.cell});
  }
  const Members& members = monitor.members();
  const member::Figures& figures = members.figures();
  report.add(Metric::kAlerts, metric_value(figures.alerts));
  report.add(Metric::kDismissals, metric_value(figures.dismissals));
  report.add(Metric::kAccusersVotedDown, metric_value(figures.accusers_voted_down));
  report.set(Metric::kAgreementTime, figures.agreements);
  report.set(Metric::kPauseTime, figures.pauses);
  report.set(Metric::kRecoveryTime, members.recovery_times());
  report.set(Metric::kHeartbeatDelay, members.heartbeat_delays());
}

void add_memory(Report& report, std::string_view process, pid_t pid) {
  const auto memory = read_memory(pid);
  if (!memory) return;
  report.add(Metric::kOverhead, metric_value(memory->anonymous), {process, "anonymous"});
  report.add(Metric::kOverhead, metric_value(memory->files), {process, "files"});
  report.add(Metric::kOverhead, metric_value(memory->page_tables), {process, "page-tables"});
}

void add_processes(Report& report, const wire::CellStatus& status, VmmTimes& times) {
  const auto monitor = read_times(::getpid());
  if (monitor) report.add(Metric::kCpuTime, monitor->own, {"monitor"});
  add_memory(report, "monitor", ::getpid());
  if (status.vmm_pid == 0) return;
  const auto pid = static_cast<pid_t>(status.vmm_pid);
  if (const auto read = read_times(pid)) {
    const ProcessTimes vmm = times.take(pid, status.incarnation, *read);
    report.add(Metric::kCpuTime, vmm.guest, {"guest"});
    report.add(Metric::kCpuTime, vmm.own, {"vmm"});
  }
  add_memory(report, "vmm", pid);
}

void add_exits(Report& report, const GuestCounts& counts, TickRate& rate) {
  for (std::size_t index = 0; index < counts.exits.size(); ++index) {
    const GuestCounts::Exits& exits = counts.exits.at(index);
    const std::string_view reason = to_string(static_cast<cell::ExitKind>(index));
    report.add(Metric::kExits, metric_value(exits.count), {reason});
    if (const auto time = rate.seconds(exits.ticks)) {
      report.add(Metric::kExitTime, *time, {reason});
    }
  }
}

void add_guest(Report& report, const GuestWatch& watch, MetricsMemory& memory) {
  const auto counts = watch.counts();
  if (!counts) return;
  add_exits(report, *counts, memory.ticks);
  report.add(Metric::kVcpuRun, metric_value(watch.ran()) / 1e9);
  report.add(Metric::kVcpuWait, metric_value(watch.waited()) / 1e9);
  report.add(Metric::kInterrupts, metric_value(counts->interrupts));
  static constexpr std::array<const char*, device::kBlockOperations> kOperations{
      "read", "write", "flush", "discard", "other"};
  for (std::size_t index = 0; index < kOperations.size(); ++index) {
    const GuestCounts::Block& block = counts->block.at(index);
    report.add(Metric::kBlockRequests, metric_value(block.requests), {kOperations.at(index)});
    report.add(Metric::kBlockBytes, metric_value(block.bytes), {kOperations.at(index)});
    report.add(Metric::kBlockErrors, metric_value(block.errors), {kOperations.at(index)});
  }
  for (const GuestCounts::Kvm& each : counts->kvm) {
    if (!memory.names.admit(each)) continue;
    report.add(each.grows ? Metric::kKvmEvents : Metric::kKvmLevel, metric_value(each.value),
               {each.of_vcpus ? "vcpu" : "vm", each.name});
  }
}

void add_load(Report& report, const hive_agent_load& load) {
  if (load.total == 0) return;
  for (const auto& [state, bytes] : {std::pair{"total", load.total},
                                     {"free", load.free},
                                     {"available", load.available},
                                     {"cached", load.cached},
                                     {"dirty", load.dirty},
                                     {"swap", load.swap_total},
                                     {"swap-free", load.swap_free}}) {
    report.add(Metric::kGuestMemory, metric_value(bytes), {state});
  }
  report.add(Metric::kGuestStall, metric_value(load.some_stalled_us) / 1e6, {"some"});
  report.add(Metric::kGuestStall, metric_value(load.all_stalled_us) / 1e6, {"all"});
  report.add(Metric::kGuestSwapped, metric_value(load.swapped_in), {"in"});
  report.add(Metric::kGuestSwapped, metric_value(load.swapped_out), {"out"});
  report.add(Metric::kGuestMajorFaults, metric_value(load.major_faults));
}

void add_pair(Report& report, std::string_view peer, const cell::VsockCounters& counters) {
  report.add(Metric::kVsockPackets, metric_value(counters.packets_in), {peer, "in"});
  report.add(Metric::kVsockPackets, metric_value(counters.packets_out), {peer, "out"});
  report.add(Metric::kVsockBytes, metric_value(counters.bytes_in), {peer, "in"});
  report.add(Metric::kVsockBytes, metric_value(counters.bytes_out), {peer, "out"});
  report.add(Metric::kVsockDelay, metric_value(counters.delay_us) / 1e6, {peer});
  report.add(Metric::kVsockConnections, metric_value(std::uint64_t{counters.connections}), {peer});
  const std::array<std::pair<const char*, std::uint64_t>, 8> troubles{{
      {"malformed", counters.malformed},
      {"stale", counters.stale},
      {"refused", counters.refused},
      {"over-credit", counters.over_credit},
      {"overflow", counters.overflows},
      {"throttled", counters.throttled},
      {"reset", counters.resets},
      {"injected", counters.faults},
  }};
  for (const auto& [kind, count] : troubles) {
    report.add(Metric::kVsockTroubles, metric_value(count), {peer, kind});
  }
}

void add_firewall(Report& report, const GlobalMemory& global) {
  const firewall::Figures& figures = global.gatekeeper().figures();
  report.set(Metric::kGrantTime, figures.grants);
  report.set(Metric::kRevokeTime, figures.revokes);
  report.set(Metric::kViolationTime, figures.violations);
  report.add(Metric::kGrantedPages, metric_value(figures.granted_pages));
  report.add(Metric::kRevokedPages, metric_value(figures.revoked_pages));
  report.add(Metric::kOpenedPages, metric_value(figures.opened_pages));
  report.add(Metric::kDiscardedPages, metric_value(global.discarded()));
  const firewall::Ledger& ledger = global.gatekeeper().ledger();
  for (std::size_t index = 0; index < global.names().size(); ++index) {
    if (index == global.own()) continue;
    const auto writer = static_cast<CellId>(index);
    const std::string& name = global.names()[index];
    report.add(Metric::kWritablePages, metric_value(ledger.count_writable(writer)), {name});
    report.add(Metric::kWrittenPages, metric_value(ledger.count_written(writer)), {name});
    report.add(Metric::kViolations, metric_value(figures.violations_of.at(index)), {name});
  }
}

void add_global(Report& report, const GlobalMemory& global) {
  report.add(Metric::kContribution, metric_value(global.sizes()[global.own()]));
  report.add(Metric::kMemoryFailures, metric_value(global.memory_failures()));
  for (unsigned home = 0; home < global.names().size(); ++home) {
    if (home == global.own() || global.sizes()[home] == 0) continue;
    report.add(Metric::kClosings, metric_value(std::uint64_t{global.closings(home)}),
               {global.names()[home]});
  }
  if (global.is_home()) add_firewall(report, global);
}

}  // namespace

Report collect_metrics(const CellMonitor& monitor, const CounterDesk::Answer& vsock,
                       MetricsMemory& memory) {
  Report report;
  const wire::CellStatus status = monitor.status();
  add_cell(report, monitor, status);
  add_view(report, monitor, status.view);
  add_processes(report, status, memory.vmm);
  add_guest(report, monitor.watch(), memory);
  add_load(report, monitor.load());
  const auto& names = monitor.siblings().cell_names();
  for (const auto& [peer, counters] : vsock.counts) {
    if (peer < names.size()) add_pair(report, names[peer], counters);
  }
  if (monitor.global() != nullptr) add_global(report, *monitor.global());
  add_sharing(report, monitor);
  return report;
}

}  // namespace hive::control
