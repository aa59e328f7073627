// The workload of fault campaigns: guests/abi/micro_work.h.
#pragma once

#include "guests/micro/cpu.h"
#include "guests/micro/memory_actions.h"

namespace hive::micro {

hive_micro_status fill_work(const hive_micro_action& action);
hive_micro_status do_work(Cpu& cpu, const hive_micro_action& action, Result& result);
hive_micro_status stamp_work(const hive_micro_action& action, Result& result);

}  // namespace hive::micro
