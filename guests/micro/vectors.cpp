#include "guests/micro/bare.h"
#include "guests/micro/cpu.h"

using hive::micro::Cpu;

namespace {

constexpr std::uint64_t kPageFault = 14;

}  // namespace

extern "C" {

[[noreturn]] void unwind(Cpu* cpu);

/// Ends the action being performed, and performs the next.
[[noreturn]] void on_exception(const hive::bare::Frame* frame) {
  Cpu& cpu = hive::micro::this_cpu();
  const bool in_action = cpu.guard != 0;
  volatile hive_micro_result& result = in_action ? *cpu.result : cpu.results->result[0];
  result.vector = static_cast<std::uint8_t>(frame->vector);
  result.error_code = static_cast<std::uint32_t>(frame->error_code);
  result.rip = frame->rip;
  result.value = frame->rflags;
  result.extra = frame->vector == kPageFault ? hive::bare::read_cr2() : 0;
  result.status = HIVE_MICRO_EXCEPTION;
  if (!in_action) {
    cpu.results->state = HIVE_MICRO_FAILED;
    hive::bare::halt_for_ever();
  }
  unwind(&cpu);
}

void on_interrupt(std::uint32_t vector) {
  const Cpu& cpu = hive::micro::this_cpu();
  cpu.results->vectors[vector] = cpu.results->vectors[vector] + 1;
  cpu.results->interrupts = cpu.results->interrupts + 1;
  if (vector != hive::bare::kSpuriousVector) hive::bare::end_of_interrupt(cpu.apic);
}

}  // extern "C"
