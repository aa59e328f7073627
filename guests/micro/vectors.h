// Exceptions and interrupts.
#pragma once

namespace hive::micro {

/// Fills the IDT, which all CPUs share.
void build_idt();
/// Makes the asking CPU use the IDT.
void load_idt();
/// Makes the asking CPU shut down: an exception without an IDT.
[[noreturn]] void triple_fault();

}  // namespace hive::micro
