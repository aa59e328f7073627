// Exceptions and interrupts. A guest defines what becomes of them.
#pragma once

#include <cstdint>

namespace hive::bare {

/// What an exception leaves on the stack, below it what idt.S pushed.
struct Frame {
  std::uint64_t vector;
  std::uint64_t error_code;
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
};

inline constexpr std::uint32_t kSpuriousVector = 0xff;  ///< Needs no end_of_interrupt().

/// Fills the IDT, which all CPUs share.
void build_idt();
/// Makes the asking CPU use the IDT.
void load_idt();
/// Makes the asking CPU shut down: an exception without an IDT.
[[noreturn]] void triple_fault();

}  // namespace hive::bare

extern "C" {

/// The guest's: an exception, of a vector below 32. There is no way back to where it came from.
[[noreturn]] void on_exception(const hive::bare::Frame* frame);
/// The guest's: an interrupt of VECTOR, with interrupts off.
void on_interrupt(std::uint32_t vector);

}  // extern "C"
