// Bounds on waiting.
#pragma once

#include <cstdint>

#include "guests/micro/bare.h"

namespace hive::micro {

/// Passes TICKS of the TSC after it was made; never when TICKS is 0.
class Deadline {
 public:
  explicit Deadline(std::uint64_t ticks) : start_(read_tsc()), ticks_(ticks) {}
  [[nodiscard]] bool passed() const { return ticks_ != 0 && read_tsc() - start_ >= ticks_; }

 private:
  std::uint64_t start_;
  std::uint64_t ticks_;
};

}  // namespace hive::micro
