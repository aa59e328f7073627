// Policies and their names.
#pragma once

#include <span>
#include <string_view>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// Looks at a view and adds what it advises. A pure function: what it adds follows from the view
/// alone. It takes any view, whatever figures are in it, and its time is bounded.
using Rule = void (*)(const View& view, Hints& hints);

struct Policy {
  std::string_view name;     ///< In plans.
  std::string_view summary;  ///< For people, in one line.
  Rule decide;
};

/// All there are.
std::span<const Policy> policies();

/// The policy of that name; null where there is none.
const Policy* find(std::string_view name);

}  // namespace hive::policy
