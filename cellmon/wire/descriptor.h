// Descriptors on a monitor's loop.
#pragma once

#include "vmm/base/watch.h"

namespace hive::wire {

using hive::watch;

}  // namespace hive::wire
