// Taking turns with another guest.
#pragma once

#include "guests/micro/cpu.h"
#include "guests/micro/memory_actions.h"

namespace hive::micro {

/// HIVE_MICRO_TALK.
hive_micro_status talk(Cpu& cpu, const hive_micro_action& action, Result& result);

}  // namespace hive::micro
