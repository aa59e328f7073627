#include "cellmon/control/deadline.h"

#include <utility>

namespace hive::control {

void Deadline::arm(std::chrono::milliseconds limit, std::function<void()> on_passed) {
  const std::uint64_t turn = ++*turn_;
  timer_.expires_after(limit);
  timer_.async_wait([turn, now = turn_, on_passed = std::move(on_passed)](const auto& error) {
    if (!error && turn == *now) on_passed();
  });
}

void Deadline::disarm() {
  ++*turn_;
  timer_.cancel();
}

}  // namespace hive::control
