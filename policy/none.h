// Policy `none`.
#pragma once

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// Advises nothing: every cell keeps what the plan gives it.
void none(const View& view, Hints& hints);

}  // namespace hive::policy
