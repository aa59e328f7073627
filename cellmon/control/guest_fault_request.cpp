#include "cellmon/control/guest_fault_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "vmm/base/error.h"

namespace hive::control {
namespace {

using inject::Fault;
using inject::FaultKind;
using inject::Where;

/// The VMM's part in a fault of KIND.
cell::GuestFaultKind guest_kind(FaultKind kind) {
  switch (kind) {
    case FaultKind::kTripleFault:
      return cell::GuestFaultKind::kTripleFault;
    case FaultKind::kNmi:
      return cell::GuestFaultKind::kNmi;
    case FaultKind::kHang:
      return cell::GuestFaultKind::kHang;
    case FaultKind::kMemoryCorrupt:
      return cell::GuestFaultKind::kCorrupt;
    case FaultKind::kPageFail:
      return cell::GuestFaultKind::kPageFail;
    case FaultKind::kDiskError:
      return cell::GuestFaultKind::kDiskError;
    case FaultKind::kDiskDelay:
      return cell::GuestFaultKind::kDiskDelay;
    case FaultKind::kDiskTorn:
      return cell::GuestFaultKind::kDiskTorn;
    case FaultKind::kInterruptLoss:
      return cell::GuestFaultKind::kInterruptLoss;
    case FaultKind::kVcpuStop:
      return cell::GuestFaultKind::kVcpuStop;
    default:
      throw Error("this fault is not the VMM's");
  }
}

/// Where the VMM looks, once the agent has said where that is.
cell::CorruptionPlace place_of(Where where) {
  switch (where) {
    case Where::kVirtual:
      return cell::CorruptionPlace::kVirtual;
    case Where::kStack:
      return cell::CorruptionPlace::kStack;
    case Where::kPageTable:
      return cell::CorruptionPlace::kPageTable;
    default:
      return cell::CorruptionPlace::kPhysical;
  }
}

/// Of 32 bits, so that people can type it.
std::uint64_t any_seed() { return std::random_device()(); }

}  // namespace

std::uint64_t seed_of(const Fault& fault) {
  return (fault.seed ? *fault.seed : any_seed()) + fault.turn;
}

bool is_in_guest(FaultKind kind) {
  return kind == FaultKind::kVcpuStop || kind == FaultKind::kTripleFault ||
         kind == FaultKind::kNmi || kind == FaultKind::kHang || kind == FaultKind::kMemoryCorrupt ||
         kind == FaultKind::kPageFail || kind == FaultKind::kPanic ||
         kind == FaultKind::kWildWrites || inject::is_in_device(kind);
}

std::string missing_device(const Fault& fault, const plan::Cell& cell) {
  // Of other devices the VMM knows which there are.
  if (!fault.device || !fault.device->device.starts_with("disk")) return {};
  if (cell.disks.empty()) return "the cell has no disk; its plan can give it some: `disks:`";
  for (std::size_t index = 0; index < cell.disks.size(); ++index) {
    if (fault.device->device == cell::name_of_disk(index)) return {};
  }
  return fmt::format("there is no {}: the cell has {}, from disk0 on", fault.device->device,
                     cell.disks.size());
}

bool wants_agent(const Fault& fault) {
  return fault.kind == FaultKind::kPanic || fault.kind == FaultKind::kWildWrites ||
         !question_of(fault).empty();
}

std::vector<std::string> question_of(const Fault& fault) {
  if (!fault.memory) return {};
  switch (fault.memory->where) {
    case Where::kText:
      return {"text"};
    case Where::kData:
      return {"data"};
    case Where::kProcess:
      return {"process", fault.memory->process};
    case Where::kAddressMap:
      return {"address-map", fault.memory->process};
    case Where::kCowTree:
      return {"cow-tree", fault.memory->process};
    default:
      return {};
  }
}

std::vector<Range> ranges_of(const Fault& fault) {
  if (!fault.memory) return {};
  const Where where = fault.memory->where;
  if (where != Where::kPhysical && where != Where::kVirtual) return {};
  return {{fault.memory->address, fault.memory->length}};
}

cell::GuestFault guest_fault(const Fault& fault, std::vector<Range> ranges) {
  cell::GuestFault asked{guest_kind(fault.kind), fault.vcpu, fault.duration, {}, fault.device};
  const std::uint64_t seed = seed_of(fault);
  if (asked.device) {
    asked.device->seed = seed;
    asked.device->share = fault.share.value_or(asked.device->share);
    asked.device->delay = fault.delay.value_or(asked.device->delay);
  }
  if (!fault.memory) return asked;
  const inject::MemoryFault& memory = *fault.memory;
  asked.corruption = cell::Corruption{place_of(memory.where), memory.change, memory.count, seed,
                                      std::move(ranges)};
  return asked;
}

hive_agent_wild_writes wild_writes(const Fault& fault) {
  const inject::WildWrites& writes = fault.writes.value();
  hive_agent_wild_writes asked{};
  asked.target = static_cast<std::uint32_t>(writes.target);
  asked.count = writes.count;
  asked.rate = writes.rate;
  asked.limit_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(
      fault.duration.value_or(inject::kLongest).count(), HIVE_AGENT_LONGEST_STORES));
  asked.seed = seed_of(fault);
  return asked;
}

}  // namespace hive::control
