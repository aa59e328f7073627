// Running a CPU's script.
#pragma once

#include "guests/micro/cpu.h"

namespace hive::micro {

/// Performs CPU's script, and returns at its end.
void run_script(Cpu& cpu);

}  // namespace hive::micro
