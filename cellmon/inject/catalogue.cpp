#include "cellmon/inject/catalogue.h"

#include <algorithm>
#include <array>

namespace hive::inject {
namespace {

constexpr std::array<Parameter, 1> kFor{
    {{"for", ValueKind::kDuration, false, "how long it lasts; for good if missing"}}};
constexpr std::array<Parameter, 3> kSlows{
    {{"share", ValueKind::kShare, true, "of each period, in which it is stopped"},
     {"period", ValueKind::kPeriod, false, "how long stop and run take together; 200ms if missing"},
     kFor[0]}};
constexpr std::array<Parameter, 1> kSuspect{
    {{"cell", ValueKind::kCell, true, "the cell that is accused"}}};

constexpr std::array<Parameter, 2> kCuts{
    {{"cell", ValueKind::kCell, true, "the cell whose monitor is cut off"}, kFor[0]}};

constexpr Parameter kOneVcpu{"vcpu", ValueKind::kVcpu, false, "the vCPU; 0 if missing"};
constexpr Parameter kSomeVcpu{"vcpu", ValueKind::kVcpu, false, "the vCPU; all if missing"};
constexpr Parameter kCount{"count", ValueKind::kCount, false, "how many; 1 if missing"};
constexpr Parameter kAddress{"address", ValueKind::kAddress, false,
                             "of a range, for where=physical and virtual"};
constexpr Parameter kLength{"length", ValueKind::kLength, false,
                            "of that range in bytes; 8 if missing"};
constexpr Parameter kProcess{"process", ValueKind::kProcess, false,
                             "for where=process, address-map and cow-tree: its number or name"};
constexpr Parameter kSeed{"seed", ValueKind::kSeed, false, "of what is drawn; any if missing"};
constexpr std::array<Parameter, 2> kStop{kSomeVcpu, kFor[0]};
constexpr std::array<Parameter, 1> kHangs{kSomeVcpu};
constexpr std::array<Parameter, 1> kAtOne{kOneVcpu};
constexpr std::array<Parameter, 8> kCorrupts{{
    {"where", ValueKind::kWhere, true, "where the words are"},
    {"change", ValueKind::kChange, false, "what becomes of them; flip if missing"},
    kCount,
    kSeed,
    kAddress,
    kLength,
    kProcess,
    kOneVcpu,
}};

constexpr Parameter kDisk{"disk", ValueKind::kDisk, false,
                          "the disk; disk0, the first, if missing"};
constexpr Parameter kOf{"of", ValueKind::kOf, false,
                        "which requests: all (if missing), read, write, flush"};
constexpr Parameter kShare{"share", ValueKind::kShare, false,
                           "percent of them that it hits; 100 if missing"};
constexpr std::array<Parameter, 5> kFails{kDisk, kOf, kShare, kFor[0], kSeed};
constexpr std::array<Parameter, 6> kDelays{{
    {"by", ValueKind::kDelay, true, "how long they wait"},
    kDisk,
    kOf,
    kShare,
    kFor[0],
    kSeed,
}};
constexpr std::array<Parameter, 5> kTears{{
    kDisk,
    {"report", ValueKind::kReport, false, "what the guest is told: error (if missing), ok"},
    kShare,
    kFor[0],
    kSeed,
}};

constexpr std::array<Parameter, 4> kLoses{{
    {"device", ValueKind::kDevice, false,
     "all (if missing), disk0, console, rng, vsock, balloon, memory"},
    kShare,
    kFor[0],
    kSeed,
}};

constexpr Parameter kSender{"cell", ValueKind::kCell, false,
                            "the cell that the packets come from; all if missing"};
constexpr std::array<Parameter, 4> kPackets{kSender, kShare, kFor[0], kSeed};
constexpr std::array<Parameter, 5> kLatePackets{{
    {"by", ValueKind::kDelay, true, "how long they wait, and those behind them: 1s at most"},
    kSender,
    kShare,
    kFor[0],
    kSeed,
}};

constexpr std::array<Parameter, 7> kFailsPages{{
    {"where", ValueKind::kWhere, false, "where the pages are; physical if missing"},
    kCount,
    kSeed,
    kAddress,
    kLength,
    kProcess,
    kOneVcpu,
}};

constexpr std::array<Parameter, 5> kWrites{{
    {"target", ValueKind::kTarget, true, "whose part of global memory"},
    {"count", ValueKind::kStores, false, "of stores; 1000 if missing"},
    {"rate", ValueKind::kRate, false, "of stores a second; 1000 if missing"},
    {"for", ValueKind::kDuration, false, "no store after that; an hour if missing"},
    kSeed,
}};

constexpr std::array<Parameter, 2> kBabbles{kFor[0], kSeed};

constexpr std::array<Entry, 29> kEntries{{
    {FaultKind::kVmmKill, "vmm-kill", "the cell's VMM is killed: its power is cut", {}},
    {FaultKind::kVmmStop, "vmm-stop",
     "the VMM's process is stopped: vCPUs, devices and its answers stand still", kFor},
    {FaultKind::kVmmSlow, "vmm-slow",
     "the VMM's process is stopped for a share of the time, by turns", kSlows},
    {FaultKind::kHomeFail,
     "home-fail",
     "the memory that the cell contributes loses its content, and the cell's power is cut",
     {}},
    {FaultKind::kVcpuStop, "vcpu-stop",
     "a vCPU stands still outside the guest, while devices and the VMM's answers go on", kStop},
    {FaultKind::kTripleFault, "triple-fault",
     "a vCPU has an exception, and no table of handlers any more", kAtOne},
    {FaultKind::kNmi, "nmi", "a vCPU gets a non-maskable interrupt", kAtOne},
    {FaultKind::kHang, "hang", "a vCPU spins in the kernel with interrupts off", kHangs},
    {FaultKind::kMemoryCorrupt, "memory-corrupt", "words of the guest's memory change", kCorrupts},
    {FaultKind::kPageFail, "page-fail", "pages of the guest's memory fail", kFailsPages},
    {FaultKind::kDiskError, "disk-error", "a disk's requests end with errors", kFails},
    {FaultKind::kDiskDelay, "disk-delay", "a disk's requests are late", kDelays},
    {FaultKind::kDiskTorn, "disk-torn",
     "of a disk's writes of several sectors only the first few are stored", kTears},
    {FaultKind::kInterruptLoss, "interrupt-loss",
     "interrupts by which virtio devices tell that something is done get lost", kLoses},
    {FaultKind::kRpcDrop, "rpc-drop", "packets to the cell get lost", kPackets},
    {FaultKind::kRpcDelay, "rpc-delay", "packets to the cell are late", kLatePackets},
    {FaultKind::kRpcDuplicate, "rpc-duplicate", "packets to the cell come twice", kPackets},
    {FaultKind::kRpcReorder, "rpc-reorder", "packets to the cell change places", kPackets},
    {FaultKind::kRpcCorrupt, "rpc-corrupt", "packets to the cell have a wrong bit", kPackets},
    {FaultKind::kPanic, "panic", "the guest's kernel panics, asked by its agent", {}},
    {FaultKind::kWildWrites, "wild-writes",
     "a program in the guest stores random words all over global memory", kWrites},
    {FaultKind::kMonitorKill,
     "monitor-kill",
     "the cell's monitor is killed, and its VMM with it",
     {}},
    {FaultKind::kMonitorStop, "monitor-stop",
     "the monitor's process is stopped, while the guest runs on", kFor},
    {FaultKind::kMonitorSlow, "monitor-slow",
     "the monitor's process is stopped for a share of the time, by turns", kSlows},
    {FaultKind::kHeartbeatFreeze, "heartbeat-freeze",
     "the monitor's heartbeat stands still, while it answers", kFor},
    {FaultKind::kFalseAccusation, "false-accusation", "the monitor accuses another cell of silence",
     kSuspect},
    {FaultKind::kMeshCut, "mesh-cut",
     "the monitor has no link to another cell's, which finds it cut as well", kCuts},
    {FaultKind::kWaxGarbage, "wax-garbage",
     "a guest that writes random hints without rest takes Wax's place", kBabbles},
    {FaultKind::kWaxFlood, "wax-flood",
     "a guest that writes one sound hint without rest takes Wax's place", kFor},
}};

constexpr std::array<Parameter, 4> kTiming{{
    {"at", ValueKind::kDuration, false, "how long from now, or from the event of `after`"},
    {"after", ValueKind::kEvent, false, "the kind of event in the cell's log that it waits for"},
    {"every", ValueKind::kDuration, false, "how long after each time it is done again"},
    {"times", ValueKind::kTimes, false, "how often it is done in all, with `every`"},
}};

}  // namespace

std::span<const Parameter> timing_parameters() { return kTiming; }

std::string_view placeholder(ValueKind kind) {
  switch (kind) {
    case ValueKind::kCell:
      return "CELL";
    case ValueKind::kDuration:
    case ValueKind::kDelay:
    case ValueKind::kPeriod:
      return "TIME";
    case ValueKind::kShare:
      return "PERCENT";
    case ValueKind::kVcpu:
      return "N";
    case ValueKind::kEvent:
      return "EVENT";
    case ValueKind::kTimes:
    case ValueKind::kCount:
    case ValueKind::kSeed:
    case ValueKind::kStores:
    case ValueKind::kRate:
      return "N";
    case ValueKind::kTarget:
      return "own|others|all";
    case ValueKind::kWhere:
      return "PLACE";
    case ValueKind::kChange:
      return "CHANGE";
    case ValueKind::kAddress:
      return "ADDRESS";
    case ValueKind::kLength:
      return "BYTES";
    case ValueKind::kProcess:
      return "PROCESS";
    case ValueKind::kDisk:
      return "DISK";
    case ValueKind::kDevice:
      return "DEVICE";
    case ValueKind::kOf:
      return "REQUESTS";
    case ValueKind::kReport:
      return "ok|error";
  }
  return "VALUE";
}

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

bool leaves_marks(FaultKind kind) {
  switch (kind) {
    case FaultKind::kRpcDrop:
    case FaultKind::kRpcDuplicate:
    case FaultKind::kRpcReorder:
    case FaultKind::kRpcCorrupt:
    case FaultKind::kMemoryCorrupt:
    case FaultKind::kPageFail:
    case FaultKind::kDiskError:
    case FaultKind::kDiskTorn:
    case FaultKind::kInterruptLoss:
    case FaultKind::kWildWrites:
      return true;
    default:
      return false;
  }
}

}  // namespace hive::inject
