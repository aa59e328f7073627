#include "cellmon/control/tick_rate.h"

#include <x86intrin.h>

namespace hive::control {

using std::chrono::duration;

TickRate::Instant TickRate::now() {
  constexpr int kTries = 16;
  constexpr std::chrono::microseconds kClose{2};
  Instant best;
  auto least = Clock::duration::max();
  for (int tries = 0; tries < kTries && least > kClose; ++tries) {
    const auto before = Clock::now();
    const std::uint64_t ticks = __rdtsc();
    const auto between = Clock::now() - before;
    if (between >= least) continue;
    least = between;
    best = {before + between / 2, ticks};
  }
  return best;
}

std::optional<double> TickRate::seconds(std::uint64_t ticks, const Instant& at) {
  if (!rate_) {
    if (at.time - start_.time < kMeasuring || at.ticks <= start_.ticks) return std::nullopt;
    rate_ = duration<double>(at.time - start_.time).count() /
            static_cast<double>(at.ticks - start_.ticks);
  }
  return static_cast<double>(ticks) * *rate_;
}

}  // namespace hive::control
