#include "cellmon/inject/catalogue.h"

#include <algorithm>
#include <array>

namespace hive::inject {
namespace {

constexpr std::array<Parameter, 1> kFor{
    {{"for", ValueKind::kDuration, false, "how long it lasts; for good if missing"}}};
constexpr std::array<Parameter, 1> kSuspect{
    {{"cell", ValueKind::kCell, true, "the cell that is accused"}}};

constexpr std::array<Entry, 6> kEntries{{
    {FaultKind::kVmmKill, "vmm-kill", "the cell's VMM is killed: its power is cut", {}},
    {FaultKind::kVmmStop, "vmm-stop",
     "the VMM's process is stopped: vCPUs, devices and its answers stand still", kFor},
    {FaultKind::kMonitorKill,
     "monitor-kill",
     "the cell's monitor is killed, and its VMM with it",
     {}},
    {FaultKind::kMonitorStop, "monitor-stop",
     "the monitor's process is stopped, while the guest runs on", kFor},
    {FaultKind::kHeartbeatFreeze, "heartbeat-freeze",
     "the monitor's heartbeat stands still, while it answers", kFor},
    {FaultKind::kFalseAccusation, "false-accusation", "the monitor accuses another cell of silence",
     kSuspect},
}};

}  // namespace

std::span<const Entry> catalogue() { return kEntries; }

const Entry* find(std::string_view name) {
  const auto* found = std::find_if(kEntries.begin(), kEntries.end(),
                                   [&](const Entry& entry) { return entry.name == name; });
  return found == kEntries.end() ? nullptr : found;
}

const Entry& entry_of(FaultKind kind) {
  return *std::find_if(kEntries.begin(), kEntries.end(),
                       [&](const Entry& entry) { return entry.kind == kind; });
}

}  // namespace hive::inject
