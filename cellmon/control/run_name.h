// The name that only one run of a cell, or of a witness, can have at a time.
#pragma once

#include <chrono>

#include "cellmon/wire/cell_address.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Holds that name for ADDRESS as soon as nobody else has it. Throws Error when that takes longer
/// than LIMIT.
UniqueFd await_run_name(const wire::CellAddress& address, std::chrono::milliseconds limit);

}  // namespace hive::control
