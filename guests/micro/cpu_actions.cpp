#include "guests/micro/cpu_actions.h"

#include "guests/micro/bare.h"
#include "guests/micro/deadline.h"

namespace hive::micro {
namespace {

std::uint64_t arrivals[HIVE_MICRO_BARRIERS];

void restore_interrupts(const Cpu& cpu) {
  if (!cpu.interrupts_on) disable_interrupts();
}

}  // namespace

hive_micro_status port_out(const hive_micro_action& action) {
  const auto port = static_cast<std::uint16_t>(action.a);
  switch (action.width) {
    case 1:
      out8(port, static_cast<std::uint8_t>(action.b));
      return HIVE_MICRO_OK;
    case 2:
      out16(port, static_cast<std::uint16_t>(action.b));
      return HIVE_MICRO_OK;
    case 4:
      out32(port, static_cast<std::uint32_t>(action.b));
      return HIVE_MICRO_OK;
    default:
      return HIVE_MICRO_INVALID;
  }
}

hive_micro_status port_in(const hive_micro_action& action, Result& result) {
  const auto port = static_cast<std::uint16_t>(action.a);
  switch (action.width) {
    case 1:
      result.value = in8(port);
      return HIVE_MICRO_OK;
    case 2:
      result.value = in16(port);
      return HIVE_MICRO_OK;
    case 4:
      result.value = in32(port);
      return HIVE_MICRO_OK;
    default:
      return HIVE_MICRO_INVALID;
  }
}

hive_micro_status cpuid(const hive_micro_action& action, Result& result) {
  auto eax = static_cast<std::uint32_t>(action.a);
  auto ecx = static_cast<std::uint32_t>(action.b);
  std::uint32_t ebx;
  std::uint32_t edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  result.value = std::uint64_t{ebx} << 32 | eax;
  result.extra = std::uint64_t{edx} << 32 | ecx;
  return HIVE_MICRO_OK;
}

hive_micro_status halt(Cpu& cpu, Result& result) {
  asm volatile("sti; hlt" : : : "memory");
  restore_interrupts(cpu);
  result.value = cpu.results->interrupts;
  return HIVE_MICRO_OK;
}

hive_micro_status await_vector(Cpu& cpu, const hive_micro_action& action, Result& result) {
  if (action.a >= 256) return HIVE_MICRO_INVALID;
  const Deadline deadline(action.c);
  bool enough = false;
  enable_interrupts();
  do {
    pause();
    enough = cpu.results->vectors[action.a] >= action.b;
  } while (!enough && !deadline.passed());
  restore_interrupts(cpu);
  result.value = cpu.results->vectors[action.a];
  return enough ? HIVE_MICRO_OK : HIVE_MICRO_TIMED_OUT;
}

hive_micro_status start_cpu(Cpu& cpu, const hive_micro_action& action) {
  if (action.a >= HIVE_MICRO_MAX_CPUS || action.a == cpu.index) return HIVE_MICRO_INVALID;
  volatile hive_micro_results& other = results_of(action.a);
  other.state = HIVE_MICRO_IDLE;
  const Deadline deadline(action.c);
  send_startup(cpu.apic, static_cast<std::uint32_t>(action.a), MICRO_TRAMPOLINE);
  while (other.state == HIVE_MICRO_IDLE) {
    if (deadline.passed()) return HIVE_MICRO_TIMED_OUT;
    pause();
  }
  return HIVE_MICRO_OK;
}

hive_micro_status barrier(const hive_micro_action& action) {
  if (action.a >= HIVE_MICRO_BARRIERS || action.b == 0) return HIVE_MICRO_INVALID;
  std::uint64_t& arrived = arrivals[action.a];
  const Deadline deadline(action.c);
  // Every b-th arrival opens the barrier once more.
  const std::uint64_t mine = __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
  const std::uint64_t needed = (mine / action.b + 1) * action.b;
  while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < needed) {
    if (deadline.passed()) return HIVE_MICRO_TIMED_OUT;
    pause();
  }
  return HIVE_MICRO_OK;
}

}  // namespace hive::micro
