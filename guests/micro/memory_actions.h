// Actions on memory. Each returns a hive_micro_status.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/abi/micro.h"

namespace hive::micro {

using Result = volatile hive_micro_result;

hive_micro_status store(const hive_micro_action& action);
hive_micro_status trapped_store(const hive_micro_action& action);
hive_micro_status load(const hive_micro_action& action, Result& result);
hive_micro_status fill(const hive_micro_action& action, Result& result);
hive_micro_status copy(const hive_micro_action& action, Result& result);
hive_micro_status sweep(const hive_micro_action& action, Result& result);
hive_micro_status add(const hive_micro_action& action, Result& result);
hive_micro_status exchange(const hive_micro_action& action, Result& result);
hive_micro_status compare_exchange(const hive_micro_action& action, Result& result);
hive_micro_status wait(const hive_micro_action& action, Result& result);
hive_micro_status map(const hive_micro_action& action);

}  // namespace hive::micro
