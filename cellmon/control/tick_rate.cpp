#include "cellmon/control/tick_rate.h"

#include <x86intrin.h>

namespace hive::control {

using std::chrono::duration;
using std::chrono::steady_clock;

TickRate::TickRate() : time_(steady_clock::now()), ticks_(__rdtsc()) {}

double TickRate::seconds(std::uint64_t ticks) const {
  const auto passed = static_cast<double>(__rdtsc() - ticks_);
  const double time = duration<double>(steady_clock::now() - time_).count();
  return passed <= 0 ? 0 : static_cast<double>(ticks) * (time / passed);
}

}  // namespace hive::control
