// Whether a hint makes sense in a view.
#pragma once

#include <string_view>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// Why HINT cannot be followed where the machine is as VIEW says, in words for people that start
/// after "refused: "; nothing where it can be. Takes any hint and any view. A hint is checked
/// alone: whoever follows several brings the view up to date in between.
std::string_view fault_of(const Hint& hint, const View& view);

}  // namespace hive::policy
