// Policy `balance`.
#pragma once

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// Memory, CPU weights and placement, each by its own policy.
void balance(const View& view, Hints& hints);

}  // namespace hive::policy
