// Waiting.
#pragma once

#include <cstdint>

#include "guests/abi/wax.h"
#include "guests/bare/apic.h"

namespace hive::wax {

/// The one CPU's. Enabled by start_timers().
const bare::Apic& own_apic();
void start_timers();
/// Halts until REGISTERS' clock says TIME, in nanoseconds.
void sleep_until(const volatile hive_wax_registers& registers, std::uint64_t time);

}  // namespace hive::wax
