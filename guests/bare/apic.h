// The local APIC, in xAPIC or x2APIC mode (Intel SDM 3A, chapter 11).
#pragma once

#include <cstdint>

namespace hive::bare {

/// A CPU's own APIC, and the mode that it is in.
struct Apic {
  bool x2apic;
};

/// Makes APIC, which becomes the asking CPU's, accept interrupts, in the mode that it is in.
void enable_apic(Apic& apic);
void switch_to_x2apic(Apic& apic);
/// Acknowledges the interrupt being handled.
void end_of_interrupt(const Apic& apic);
/// Writes the ICR: COMMAND, for the CPU with APIC_ID.
void send_ipi(const Apic& apic, std::uint32_t command, std::uint32_t apic_id);
/// INIT, then twice SIPI to the page at START, below 1 MiB.
void send_startup(const Apic& apic, std::uint32_t apic_id, std::uint32_t start);
/// Has the timer interrupt the CPU by VECTOR once, after TICKS of the APIC's bus; 0: never.
void start_timer(const Apic& apic, std::uint8_t vector, std::uint32_t ticks);

}  // namespace hive::bare
