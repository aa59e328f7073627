#include "cellmon/control/duty_cycle.h"

#include <algorithm>
#include <utility>

namespace hive::control {

bool DutyCycle::begin(const Settings& settings, Process process) {
  cancel();
  settings_ = settings;
  process_ = std::move(process);
  end_ = settings.duration ? Clock::now() + *settings.duration : Clock::time_point::max();
  active_ = true;
  return stop();
}

void DutyCycle::cancel() {
  timer_.disarm();
  active_ = false;
  if (std::exchange(stopped_, false)) process_.go_on();
}

bool DutyCycle::stop() {
  const Clock::time_point now = Clock::now();
  const auto left = std::chrono::ceil<Milliseconds>(end_ - now);
  const Milliseconds time = std::min(settings_.period * settings_.share / 100, left);
  if (time <= Milliseconds(0)) {
    active_ = false;
    return true;
  }
  stopped_ = true;
  if (!process_.stop(time)) {
    cancel();
    return false;
  }
  const auto rest = std::chrono::ceil<Milliseconds>(now + time - Clock::now());
  timer_.arm(std::max(rest, Milliseconds(0)), [this] { go_on(); });
  return true;
}

void DutyCycle::go_on() {
  stopped_ = false;
  process_.go_on();
  // From now on: on a host without time for it, it has its share all the same.
  timer_.arm(settings_.period - settings_.period * settings_.share / 100, [this] { (void)stop(); });
}

}  // namespace hive::control
