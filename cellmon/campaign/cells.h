// The cells of the machine that a campaign is on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vmm/plan/plan.h"

namespace hive::campaign {

/// Names, in the plan's order. At least one cell does work.
struct Cells {
  /// WAX is the one with role policy, which advises and does no work; empty: there is none.
  Cells(std::vector<std::string> all, std::string wax = {});

  [[nodiscard]] bool is_policy(std::string_view cell) const {
    return !policy.empty() && cell == policy;
  }
  /// Those that do work.
  [[nodiscard]] std::vector<std::string> workers() const;

  std::vector<std::string> names;
  std::string policy;
};

Cells cells_of(const plan::Machine& machine);

}  // namespace hive::campaign
