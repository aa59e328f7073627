#include "guests/micro/script.h"

#include "guests/micro/bare.h"
#include "guests/micro/cpu_actions.h"
#include "guests/micro/memory_actions.h"
#include "guests/micro/talk.h"
#include "guests/micro/work.h"

namespace hive::micro {

extern "C" void perform_guarded(Cpu* cpu, const hive_micro_action* action,
                                volatile hive_micro_result* result);

namespace {

enum class Next { kGoOn, kEnd };

hive_micro_status set_interrupts(Cpu& cpu, const hive_micro_action& action) {
  cpu.interrupts_on = action.a != 0;
  cpu.interrupts_on ? enable_interrupts() : disable_interrupts();
  return HIVE_MICRO_OK;
}

hive_micro_status perform_memory(const hive_micro_action& action, Result& result) {
  switch (action.op) {
    case HIVE_MICRO_STORE:
      return store(action);
    case HIVE_MICRO_TRAPPED_STORE:
      return trapped_store(action);
    case HIVE_MICRO_LOAD:
      return load(action, result);
    case HIVE_MICRO_FILL:
      return fill(action, result);
    case HIVE_MICRO_COPY:
      return copy(action, result);
    case HIVE_MICRO_SWEEP:
      return sweep(action, result);
    case HIVE_MICRO_ADD:
      return add(action, result);
    case HIVE_MICRO_XCHG:
      return exchange(action, result);
    case HIVE_MICRO_CMPXCHG:
      return compare_exchange(action, result);
    case HIVE_MICRO_WAIT:
      return wait(action, result);
    case HIVE_MICRO_MAP:
      return map(action);
    default:
      return HIVE_MICRO_INVALID;
  }
}

hive_micro_status perform_register(const hive_micro_action& action, Result& result) {
  const auto index = static_cast<std::uint32_t>(action.a);
  switch (action.op) {
    case HIVE_MICRO_OUT:
      return port_out(action);
    case HIVE_MICRO_IN:
      return port_in(action, result);
    case HIVE_MICRO_CPUID:
      return cpuid(action, result);
    case HIVE_MICRO_RDMSR:
      result.value = read_msr(index);
      return HIVE_MICRO_OK;
    case HIVE_MICRO_WRMSR:
      write_msr(index, action.b);
      return HIVE_MICRO_OK;
    case HIVE_MICRO_RDTSC:
      result.value = read_tsc();
      return HIVE_MICRO_OK;
    default:
      return perform_memory(action, result);
  }
}

hive_micro_status perform_control(Cpu& cpu, const hive_micro_action& action, Result& result) {
  switch (action.op) {
    case HIVE_MICRO_HALT:
      return halt(cpu, result);
    case HIVE_MICRO_INTERRUPTS:
      return set_interrupts(cpu, action);
    case HIVE_MICRO_AWAIT:
      return await_vector(cpu, action, result);
    case HIVE_MICRO_IPI:
      send_ipi(cpu.apic, static_cast<std::uint32_t>(action.a),
               static_cast<std::uint32_t>(action.b));
      return HIVE_MICRO_OK;
    case HIVE_MICRO_X2APIC:
      switch_to_x2apic(cpu.apic);
      return HIVE_MICRO_OK;
    case HIVE_MICRO_START_CPU:
      return start_cpu(cpu, action);
    case HIVE_MICRO_BARRIER:
      return barrier(action);
    case HIVE_MICRO_TALK:
      return talk(cpu, action, result);
    case HIVE_MICRO_FILL_WORK:
      return fill_work(action);
    case HIVE_MICRO_WORK:
      return do_work(cpu, action, result);
    case HIVE_MICRO_STAMP:
      return stamp_work(action, result);
    case HIVE_MICRO_UNDEFINED:
      asm volatile("ud2");
      return HIVE_MICRO_OK;
    case HIVE_MICRO_TRIPLE_FAULT:
      triple_fault();
    case HIVE_MICRO_SPIN:
      for (;;) pause();
    default:
      return perform_register(action, result);
  }
}

Next run(Cpu& cpu, std::uint32_t first, std::uint32_t end, unsigned depth);

/// A LOOP and the actions that it repeats, which stay within END.
Next run_loop(Cpu& cpu, std::uint32_t at, std::uint32_t end, unsigned depth) {
  const hive_micro_action& action = cpu.script[at];
  volatile hive_micro_result& result = cpu.results->result[at];
  if (action.b > end - at - 1 || depth == HIVE_MICRO_MAX_LOOP_DEPTH) {
    result.status = HIVE_MICRO_INVALID;
    return Next::kGoOn;
  }
  const auto body_end = static_cast<std::uint32_t>(at + 1 + action.b);
  const std::uint64_t start = read_tsc();
  for (std::uint64_t turn = 0; turn < action.a; ++turn) {
    if (run(cpu, at + 1, body_end, depth + 1) == Next::kEnd) return Next::kEnd;
  }
  result.value = read_tsc() - start;
  result.status = HIVE_MICRO_OK;
  return Next::kGoOn;
}

void run_one(Cpu& cpu, std::uint32_t at) {
  cpu.results->current = at;
  cpu.result = &cpu.results->result[at];
  perform_guarded(&cpu, &cpu.script[at], cpu.result);
  if (cpu.result->status == HIVE_MICRO_EXCEPTION) {
    cpu.results->exceptions = cpu.results->exceptions + 1;
    if (cpu.interrupts_on) enable_interrupts();
  }
  cpu.results->performed = cpu.results->performed + 1;
}

Next run(Cpu& cpu, std::uint32_t first, std::uint32_t end, unsigned depth) {
  for (std::uint32_t at = first; at < end; ++at) {
    const hive_micro_action& action = cpu.script[at];
    if (action.op == HIVE_MICRO_END) return Next::kEnd;
    if (action.op != HIVE_MICRO_LOOP) {
      run_one(cpu, at);
      continue;
    }
    if (run_loop(cpu, at, end, depth) == Next::kEnd) return Next::kEnd;
    if (cpu.results->result[at].status == HIVE_MICRO_OK) {
      at += static_cast<std::uint32_t>(action.b);
    }
  }
  return Next::kGoOn;
}

}  // namespace

/// From idt.S: performs ACTION, unless an exception cuts it short.
extern "C" void perform(Cpu* cpu, const hive_micro_action* action, Result* result) {
  result->status = perform_control(*cpu, *action, *result);
}

void run_script(Cpu& cpu) { run(cpu, 0, cpu.script_length, 0); }

}  // namespace hive::micro
