// How much memory a cell's guest is lent beyond its own.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/units.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Bounds what a guest may be asked to plug in. Pure; device::VirtioMem carries it out.
class Spare {
 public:
  /// Of what a guest is asked for.
  static constexpr std::uint64_t kStep = 2 * kMiB;

  /// CELL outlives this object.
  explicit Spare(const plan::Cell& cell) : cell_(cell) {}

  /// From now on the guest is to have BYTES plugged in. Why it cannot be asked for so much, with
  /// nothing changed; empty where it can.
  std::string set(std::uint64_t bytes);
  /// What it is to have, in bytes: a multiple of kStep.
  [[nodiscard]] std::uint64_t target() const { return target_; }
  /// The most that it may have.
  [[nodiscard]] std::uint64_t most() const { return cell_.spare; }
  /// The part of the guest's address space that takes: whole steps of what Linux adds.
  [[nodiscard]] std::uint64_t room() const;

 private:
  const plan::Cell& cell_;
  std::uint64_t target_ = 0;
};

}  // namespace hive::control
