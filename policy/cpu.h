// Policy `cpu`: CPU weights that follow the load.
#pragma once

#include <cstdint>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// CPUs are contended once that much of the time in which vCPUs wanted to run went into waiting...
inline constexpr std::uint32_t kContendedPermille = 50;
/// ...and no more once it is less than that...
inline constexpr std::uint32_t kRelaxedPermille = 20;
/// ...and less than that much of the CPUs is wanted. In between, weights go on as they are.
inline constexpr std::uint32_t kSlackPermille = 850;
/// What vCPUs wait for together is nothing while it is less than that much of one CPU's time, or
/// than half of that where weights have left the usual ones: cells at rest wait for each other,
/// too.
inline constexpr std::uint32_t kLeastWaitingPermille = 100;
/// A usual weight is left once the load is that much of what is usual, in permille...
inline constexpr std::uint32_t kLeaveAbove = 1500;
/// ...and gone back to below that.
inline constexpr std::uint32_t kReturnBelow = 1250;
/// Weights that are no further from where they should be than that part of themselves stay.
inline constexpr std::uint32_t kDeadBand = 8;

/// A cell's load is the part of its vCPUs' time in which they ran or waited for a CPU. Where CPUs
/// are contended, the weight that a cell should have is its usual one, times its load, over what is
/// usual, but no less than the usual one; elsewhere it is the usual one. What is usual is the mean
/// of all cells' loads, each taken as no more than their mean, so that a few busy cells do not
/// count as the rule. Each round goes half of the way.
///
/// Load counts what cells want, and hardly depends on what they get, so weights do not chase their
/// own effect.
void cpu(const View& view, Hints& hints);

}  // namespace hive::policy
