#include "cellmon/metrics/catalogue.h"

#include <algorithm>

namespace hive::metrics {
namespace {

constexpr auto kCounter = Type::kCounter;
constexpr auto kGauge = Type::kGauge;
constexpr auto kHistogram = Type::kHistogram;

constexpr std::size_t kFamilies = static_cast<std::size_t>(Metric::kCount);

constexpr std::array<Family, kFamilies> kCatalogue{{
    {Metric::kMonitorUp, "hive_monitor_up", kGauge, "Whether the cell's monitor answers.", {}},
    {Metric::kCellState,
     "hive_cell_state",
     kGauge,
     "1 for the state that the cell is in, 0 for the others.",
     {"state"}},
    {Metric::kIncarnation, "hive_cell_incarnation", kGauge, "The cell's boot count, from 1.", {}},
    {Metric::kVcpus, "hive_cell_vcpus", kGauge, "vCPUs of the plan.", {}},
    {Metric::kMemory, "hive_cell_memory_bytes", kGauge, "Guest RAM of the plan.", {}},
    {Metric::kBootTime,
     "hive_cell_boot_seconds",
     kGauge,
     "From the VMM's start until its guest was up; 0: not yet.",
     {}},
    {Metric::kEvents, "hive_events_total", kCounter, "Events of the cell.", {"kind"}},
    {Metric::kExits,
     "hive_vcpu_exits_total",
     kCounter,
     "Times that vCPUs left the guest for the VMM.",
     {"reason"}},
    {Metric::kExitTime,
     "hive_vcpu_exit_handling_seconds_total",
     kCounter,
     "Time from leaving the guest to going back, without pauses; not known in a monitor's "
     "first second.",
     {"reason"}},
    {Metric::kVcpuRun,
     "hive_vcpu_run_seconds_total",
     kCounter,
     "CPU time of the vCPUs' threads, in the guest and in the VMM.",
     {}},
    {Metric::kVcpuWait,
     "hive_vcpu_wait_seconds_total",
     kCounter,
     "Time that the vCPUs' threads were ready and had no CPU.",
     {}},
    {Metric::kCpuTime,
     "hive_cpu_seconds_total",
     kCounter,
     "CPU time of the cell's processes.",
     {"part"}},
    {Metric::kOverhead,
     "hive_overhead_bytes",
     kGauge,
     "Memory of the cell's processes beside guest RAM and global memory.",
     {"process", "kind"}},
    {Metric::kKvmEvents,
     "hive_kvm_events_total",
     kCounter,
     "KVM's own counts, all vCPUs together.",
     {"object", "stat"}},
    {Metric::kKvmLevel,
     "hive_kvm_level",
     kGauge,
     "KVM's own levels and peaks, all vCPUs together.",
     {"object", "stat"}},
    {Metric::kInterrupts,
     "hive_device_interrupts_total",
     kCounter,
     "Interrupts that devices raised.",
     {}},
    {Metric::kBlockRequests,
     "hive_block_requests_total",
     kCounter,
     "Requests to disks that ended.",
     {"operation"}},
    {Metric::kBlockBytes,
     "hive_block_bytes_total",
     kCounter,
     "Bytes that those requests moved.",
     {"operation"}},
    {Metric::kBlockErrors,
     "hive_block_errors_total",
     kCounter,
     "Requests to disks that failed or were refused.",
     {"operation"}},
    {Metric::kVsockPackets,
     "hive_vsock_packets_total",
     kCounter,
     "Packets between the cell and a sibling.",
     {"peer", "direction"}},
    {Metric::kVsockBytes,
     "hive_vsock_bytes_total",
     kCounter,
     "Payload of those packets.",
     {"peer", "direction"}},
    {Metric::kVsockTroubles,
     "hive_vsock_troubles_total",
     kCounter,
     "What went wrong with those packets.",
     {"peer", "kind"}},
    {Metric::kVsockConnections,
     "hive_vsock_connections",
     kGauge,
     "Connections that are open.",
     {"peer"}},
    {Metric::kContribution,
     "hive_global_memory_bytes",
     kGauge,
     "What the cell contributes to global memory.",
     {}},
    {Metric::kGrantTime, "hive_firewall_grant_seconds", kHistogram, "How long grants took.", {}},
    {Metric::kGrantedPages,
     "hive_firewall_granted_pages_total",
     kCounter,
     "Pages of this home that a cell could not write before a grant.",
     {}},
    {Metric::kRevokeTime, "hive_firewall_revoke_seconds", kHistogram, "How long revokes took.", {}},
    {Metric::kRevokedPages,
     "hive_firewall_revoked_pages_total",
     kCounter,
     "Pages of this home that a cell could write before a revoke.",
     {}},
    {Metric::kOpenedPages,
     "hive_firewall_opened_pages_total",
     kCounter,
     "First writes to pages that a cell was allowed to write.",
     {}},
    {Metric::kWritablePages,
     "hive_firewall_writable_pages",
     kGauge,
     "Pages of this home that the writer may write.",
     {"writer"}},
    {Metric::kWrittenPages,
     "hive_firewall_written_pages",
     kGauge,
     "Those of them that it has written.",
     {"writer"}},
    {Metric::kViolations,
     "hive_firewall_violations_total",
     kCounter,
     "Writes to this home's pages that were stopped.",
     {"writer"}},
    {Metric::kViolationTime,
     "hive_firewall_violation_seconds",
     kHistogram,
     "From the monitor's look at such a write until its VMM had stopped it.",
     {}},
    {Metric::kDiscardedPages,
     "hive_discarded_pages_total",
     kCounter,
     "Pages of this home that recovery discarded.",
     {}},
    {Metric::kMemoryFailures,
     "hive_memory_failures_total",
     kCounter,
     "Writes of the cell's guests to homes that had failed.",
     {}},
    {Metric::kClosings,
     "hive_home_closings_total",
     kCounter,
     "Times that the guest was closed off from a home that failed.",
     {"home"}},
    {Metric::kEpoch,
     "hive_view_epoch",
     kGauge,
     "Epoch of the latest view that the monitor knows.",
     {}},
    {Metric::kMembers, "hive_view_members", kGauge, "Members of that view.", {}},
    {Metric::kIsMember, "hive_cell_member", kGauge, "Whether the cell is one of them.", {}},
    {Metric::kIsSuspended,
     "hive_cell_suspended",
     kGauge,
     "Whether the guest stands still while monitors agree or recover.",
     {}},
    {Metric::kSuspicion,
     "hive_suspicion",
     kGauge,
     "How unusual the silence of a watched peer's heartbeat is: n for one silence in 10^n.",
     {"peer"}},
    {Metric::kHeartbeatDelay,
     "hive_heartbeat_delay_seconds",
     kHistogram,
     "How late the monitor's own heartbeats were.",
     {}},
    {Metric::kAlerts, "hive_alerts_total", kCounter, "Alerts that this monitor took part in.", {}},
    {Metric::kDismissals,
     "hive_alerts_dismissed_total",
     kCounter,
     "Decisions that all suspects stay: false alerts.",
     {}},
    {Metric::kAccusersVotedDown,
     "hive_accusers_voted_down_total",
     kCounter,
     "Decisions by which an accuser was voted down.",
     {}},
    {Metric::kAgreementTime,
     "hive_agreement_seconds",
     kHistogram,
     "From the alert to the decision, as this monitor saw them.",
     {}},
    {Metric::kRecoveryTime,
     "hive_recovery_seconds",
     kHistogram,
     "From a view without failed cells until this cell had recovered.",
     {}},
    {Metric::kPauseTime,
     "hive_pause_seconds",
     kHistogram,
     "How long the guest was suspended for an alert and the recovery.",
     {}},
}};

constexpr bool is_in_order() {
  for (std::size_t index = 0; index < kCatalogue.size(); ++index) {
    if (kCatalogue[index].metric != static_cast<Metric>(index)) return false;
  }
  return true;
}
static_assert(is_in_order());

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      break;
  }
  return "histogram";
}

std::span<const Family> catalogue() { return kCatalogue; }

const Family& family_of(Metric metric) { return kCatalogue.at(static_cast<std::size_t>(metric)); }

std::optional<Metric> find_metric(std::string_view name) {
  const auto* found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                   [&](const Family& family) { return family.name == name; });
  if (found == kCatalogue.end()) return std::nullopt;
  return found->metric;
}

}  // namespace hive::metrics
