// The name that only one run of a cell, or of a witness, can have at a time.
#pragma once

#include <chrono>
#include <string>

#include "cellmon/agree/view.h"
#include "vmm/base/unique_fd.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Holds that name for NAME, a cell of MACHINE or its witness, whose monitor has LIFE, as soon as
/// nobody else has it. Throws Error when that takes longer than LIMIT; and where LIFE is a later
/// one and no other monitor of the machine is there by then: nobody could let it in, since all have
/// gone down meanwhile.
UniqueFd await_run_name(const plan::Machine& machine, const std::string& name, agree::Life life,
                        std::chrono::milliseconds limit);

}  // namespace hive::control
