#include "cellmon/control/guest_fault_request.h"

#include <algorithm>
#include <random>
#include <utility>

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
    default:
      return cell::GuestFaultKind::kVcpuStop;
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

bool is_in_guest(FaultKind kind) {
  return kind == FaultKind::kVcpuStop || kind == FaultKind::kTripleFault ||
         kind == FaultKind::kNmi || kind == FaultKind::kHang || kind == FaultKind::kMemoryCorrupt ||
         kind == FaultKind::kPanic || kind == FaultKind::kWildWrites;
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
  cell::GuestFault asked{guest_kind(fault.kind), fault.vcpu, fault.duration, {}};
  if (!fault.memory) return asked;
  const inject::MemoryFault& memory = *fault.memory;
  const std::uint64_t seed = memory.seed ? *memory.seed : any_seed();
  // Each time of several has words of its own.
  asked.corruption = cell::Corruption{place_of(memory.where), memory.change, memory.count,
                                      seed + fault.turn, std::move(ranges)};
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
  asked.seed = (writes.seed ? *writes.seed : any_seed()) + fault.turn;
  return asked;
}

}  // namespace hive::control
