#include "guests/micro/vectors.h"

#include "guests/micro/apic.h"
#include "guests/micro/cpu.h"
#include "guests/micro/x86.h"

namespace hive::micro {
namespace {

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

/// An interrupt gate (Intel SDM 3A, 6.14.1).
struct Gate {
  std::uint16_t offset_low;
  std::uint16_t selector;
  std::uint16_t type;
  std::uint16_t offset_middle;
  std::uint32_t offset_high;
  std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr unsigned kVectors = 256;
constexpr std::uint64_t kStubSize = 16;
constexpr std::uint16_t kInterruptGate = 0x8e00;
constexpr std::uint64_t kPageFault = 14;
constexpr std::uint32_t kSpuriousVector = 0xff;

Gate idt[kVectors];

}  // namespace

extern "C" {

extern const char vector_stubs[];
[[noreturn]] void unwind(Cpu* cpu);

/// From idt.S: ends the action being performed, and performs the next.
[[noreturn]] void on_exception(const Frame* frame) {
  Cpu& cpu = this_cpu();
  const bool in_action = cpu.guard != 0;
  volatile hive_micro_result& result = in_action ? *cpu.result : cpu.results->result[0];
  result.vector = static_cast<std::uint8_t>(frame->vector);
  result.error_code = static_cast<std::uint32_t>(frame->error_code);
  result.rip = frame->rip;
  result.value = frame->rflags;
  result.extra = frame->vector == kPageFault ? read_cr2() : 0;
  result.status = HIVE_MICRO_EXCEPTION;
  if (!in_action) {
    cpu.results->state = HIVE_MICRO_FAILED;
    halt_for_ever();
  }
  unwind(&cpu);
}

/// From idt.S, with interrupts off.
void on_interrupt(std::uint32_t vector) {
  const Cpu& cpu = this_cpu();
  cpu.results->vectors[vector] = cpu.results->vectors[vector] + 1;
  cpu.results->interrupts = cpu.results->interrupts + 1;
  if (vector != kSpuriousVector) end_of_interrupt(cpu);
}

}  // extern "C"

void build_idt() {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const auto stub = reinterpret_cast<std::uint64_t>(vector_stubs) + vector * kStubSize;
    Gate& gate = idt[vector];
    gate.offset_low = static_cast<std::uint16_t>(stub);
    gate.selector = MICRO_CODE_SELECTOR;
    gate.type = kInterruptGate;
    gate.offset_middle = static_cast<std::uint16_t>(stub >> 16);
    gate.offset_high = static_cast<std::uint32_t>(stub >> 32);
  }
}

void load_idt() { load_idt(TablePointer{sizeof(idt) - 1, reinterpret_cast<std::uint64_t>(idt)}); }

void triple_fault() {
  load_idt(TablePointer{0, 0});
  asm volatile("ud2");
  __builtin_unreachable();
}

}  // namespace hive::micro
