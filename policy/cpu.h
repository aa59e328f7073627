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
/// A cell's weight stays within its usual one divided and multiplied by that.
inline constexpr std::uint32_t kMostShift = 4;

/// From the least to the most weight that a cell may have whose usual one is USUAL.
struct WeightRange {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
};
constexpr WeightRange weight_range(std::uint32_t usual) {
  const std::uint32_t least = usual / kMostShift;
  const std::uint32_t most = usual * kMostShift;
  return {least < kMinWeight ? kMinWeight : least, most > kMaxWeight ? kMaxWeight : most};
}

/// A usual weight is left once the load is that far from the mean, in permille of it...
inline constexpr std::uint32_t kLeaveBelow = 667;
inline constexpr std::uint32_t kLeaveAbove = 1500;
/// ...and gone back to within these.
inline constexpr std::uint32_t kReturnAbove = 800;
inline constexpr std::uint32_t kReturnBelow = 1250;
/// Weights that are no further from where they should be than that part of themselves stay.
inline constexpr std::uint32_t kDeadBand = 8;

/// A cell's load is the part of its vCPUs' time in which they ran or waited for a CPU. Where CPUs
/// are contended, the weight that a cell should have is its usual one, times its load, over the
/// mean load of all cells; elsewhere it is the usual one. Each round goes half of the way.
///
/// Load counts what cells want, and hardly depends on what they get, so weights do not chase their
/// own effect.
void cpu(const View& view, Hints& hints);

}  // namespace hive::policy
