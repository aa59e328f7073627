// A way in which a cell's CPU weight reaches the host's scheduler.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// A VMM that a weight is to hold for.
struct WeighedVmm {
  pid_t pid = -1;      ///< A child of this process that has not been reaped.
  UniqueFd autogroup;  ///< Its /proc/PID/autogroup for writing, or invalid.
};

/// What became of a weight.
struct WeightSet {
  std::uint32_t applied = 0;  ///< The weight that holds, as near as the way can; 0: none was set.
  std::string trouble;        ///< Why it could not be set, for the user; else empty.
  bool again = false;         ///< It could not be set just now: to be tried again soon.
};

class CpuWay {
 public:
  virtual ~CpuWay() = default;
  /// One word, and where that is not enough a path.
  [[nodiscard]] virtual std::string name() const = 0;
  /// VMM has been started, and gets WEIGHT. It lives until detach().
  virtual WeightSet attach(WeighedVmm vmm, std::uint32_t weight) = 0;
  /// The VMM that is attached gets WEIGHT. In trouble it keeps what it has.
  virtual WeightSet set(std::uint32_t weight) = 0;
  /// As set(), for a weight that the VMM was to have from the start: it is lowered even where it
  /// could not be raised again.
  virtual WeightSet lower(std::uint32_t weight) { return set(weight); }
  /// The VMM has been reaped, or will be.
  virtual void detach() = 0;
};

}  // namespace hive::control
