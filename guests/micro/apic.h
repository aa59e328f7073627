// The local APIC, in xAPIC or x2APIC mode (Intel SDM 3A, chapter 11).
#pragma once

#include <cstdint>

#include "guests/micro/cpu.h"

namespace hive::micro {

/// Makes CPU's APIC accept interrupts, in the mode that it is in.
void enable_apic(Cpu& cpu);
void switch_to_x2apic(Cpu& cpu);
/// Acknowledges the interrupt being handled.
void end_of_interrupt(const Cpu& cpu);
/// Writes the ICR: COMMAND, for the CPU with APIC_ID.
void send_ipi(const Cpu& cpu, std::uint32_t command, std::uint32_t apic_id);
/// INIT, then twice SIPI to the page at START, below 1 MiB.
void send_startup(const Cpu& cpu, std::uint32_t apic_id, std::uint32_t start);
/// Has the timer interrupt CPU by VECTOR once, after TICKS of the APIC's bus; 0: never.
void start_timer(const Cpu& cpu, std::uint8_t vector, std::uint32_t ticks);

}  // namespace hive::micro
