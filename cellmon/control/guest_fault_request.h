// What a VMM and a guest's agent are asked for a fault in the guest. Pure, but for the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cellmon/inject/fault.h"
#include "guests/abi/agent_protocol.h"
#include "vmm/base/range.h"
#include "vmm/cell/guest_fault.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Whether faults of KIND are in the guest.
bool is_in_guest(inject::FaultKind kind);
/// Why CELL does not have the device that FAULT is about; empty where it has it, or needs none.
std::string missing_device(const inject::Fault& fault, const plan::Cell& cell);
/// Whether FAULT cannot be done without the guest's agent.
bool wants_agent(const inject::Fault& fault);

/// What the agent is to be asked first (HIVE_AGENT_LOCATE); empty where it need not be.
std::vector<std::string> question_of(const inject::Fault& fault);
/// The ranges of memory that FAULT names itself.
std::vector<Range> ranges_of(const inject::Fault& fault);
/// What the VMM is asked to do for FAULT, which is in the guest and is no panic, to RANGES. Where
/// it needs a seed and has none, any.
cell::GuestFault guest_fault(const inject::Fault& fault, std::vector<Range> ranges);

/// What FAULT draws from: each of several times has draws of its own. Any where it has no seed.
std::uint64_t seed_of(const inject::Fault& fault);

/// What the agent is asked for FAULT, of kWildWrites.
hive_agent_wild_writes wild_writes(const inject::Fault& fault);

}  // namespace hive::control
