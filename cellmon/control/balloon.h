// How much of its memory a cell's guest is to give back to the host.
#pragma once

#include <cstdint>
#include <string>

#include "vmm/base/units.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Bounds what a guest may be asked for. Pure; device::VirtioBalloon carries it out.
class Balloon {
 public:
  /// What is left to the guest at least.
  static constexpr std::uint64_t kLeast = 64 * kMiB;

  /// CELL outlives this object.
  explicit Balloon(const plan::Cell& cell) : cell_(cell) {}

  /// From now on the guest is to give back BYTES. Why it cannot be asked for so much, with nothing
  /// changed; empty where it can.
  std::string set(std::uint64_t bytes);
  /// What it is to give back, in bytes: a multiple of kPageSize.
  [[nodiscard]] std::uint64_t target() const { return target_; }
  [[nodiscard]] std::uint32_t target_pages() const {
    return static_cast<std::uint32_t>(target_ / kPageSize);
  }

 private:
  const plan::Cell& cell_;
  std::uint64_t target_ = 0;
};

}  // namespace hive::control
