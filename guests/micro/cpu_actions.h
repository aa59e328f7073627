// Actions on ports, registers, interrupts and other CPUs. Each returns a hive_micro_status.
#pragma once

#include "guests/micro/cpu.h"
#include "guests/micro/memory_actions.h"

namespace hive::micro {

hive_micro_status port_out(const hive_micro_action& action);
hive_micro_status port_in(const hive_micro_action& action, Result& result);
hive_micro_status cpuid(const hive_micro_action& action, Result& result);
hive_micro_status halt(Cpu& cpu, Result& result);
hive_micro_status await_vector(Cpu& cpu, const hive_micro_action& action, Result& result);
hive_micro_status start_cpu(Cpu& cpu, const hive_micro_action& action);
hive_micro_status barrier(const hive_micro_action& action);

}  // namespace hive::micro
