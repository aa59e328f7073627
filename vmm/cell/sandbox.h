// What a VMM can do no more once its guest runs.
#pragma once

#include "vmm/cell/sandbox_rules.h"

namespace hive::cell {

/// Gives up all capabilities of the calling thread and of those that it starts later, and the hope
/// of getting any by executing a program. Throws Error.
void drop_privileges();

/// Confines all threads of the process, for good, to what sandbox_rules(BOUNDS) has; a call that is
/// not there fails with EPERM, and one by another ABI than x86-64's ends the process. No other
/// process of the user may trace this one or look into its memory any more, and it leaves no core
/// dump. After drop_privileges(). Throws Error where the host's kernel has no seccomp filters.
void enter_sandbox(const SandboxBounds& bounds);

}  // namespace hive::cell
