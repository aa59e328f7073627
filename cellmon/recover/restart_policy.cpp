#include "cellmon/recover/restart_policy.h"

#include <algorithm>

namespace hive::recover {

void RestartPolicy::up(Time now) { up_since_ = now; }

void RestartPolicy::failed(Time now) {
  const bool was_healthy = up_since_ <= now && now - up_since_ >= settings_.healthy;
  up_since_ = kNever;
  if (was_healthy) failures_ = 0;
  if (failures_ != ~0U) ++failures_;
  Time delay = failures_ > 1 ? std::min(settings_.first_delay, settings_.longest_delay) : 0;
  for (unsigned more = 2; more < failures_ && delay < settings_.longest_delay; ++more) {
    // Doubling stops at the bound, and so before it could wrap.
    delay = delay > settings_.longest_delay / 2 ? settings_.longest_delay : 2 * delay;
    if (delay == 0) break;
  }
  due_ = now > kNever - delay ? kNever : now + delay;
}

}  // namespace hive::recover
