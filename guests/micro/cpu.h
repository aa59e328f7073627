// One CPU of the micro guest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/abi/micro.h"
#include "guests/bare/apic.h"
#include "guests/micro/layout.h"

namespace hive::micro {

/// A CPU's own state, at the bottom of its stack.
struct Cpu {
  std::uint64_t guard;  ///< Stack pointer to unwind to; 0 outside actions.
  std::uint32_t index;  ///< Its APIC id.
  bare::Apic apic;
  bool interrupts_on;  ///< Between actions.
  const hive_micro_action* script;
  std::uint32_t script_length;
  volatile hive_micro_results* results;
  volatile hive_micro_result* result;  ///< Of the action being performed.
};
static_assert(offsetof(Cpu, guard) == MICRO_CPU_GUARD);

/// The CPU that asks.
inline Cpu& this_cpu() {
  std::uint64_t stack;
  asm("mov %%rsp, %0" : "=r"(stack));
  return *reinterpret_cast<Cpu*>(stack & ~std::uint64_t{MICRO_CPU_SIZE - 1});
}

/// The results of CPU number INDEX.
inline volatile hive_micro_results& results_of(std::uint64_t index) {
  return reinterpret_cast<volatile hive_micro_results*>(HIVE_MICRO_RESULTS)[index];
}

}  // namespace hive::micro
