#include "guests/sdk/turn.h"

namespace hive::sdk {

bool Turn::take_until(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  if (!free_.wait_until(lock, end, [this] { return !taken_; })) return false;
  taken_ = true;
  return true;
}

void Turn::give_back() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  free_.notify_one();
}

}  // namespace hive::sdk
