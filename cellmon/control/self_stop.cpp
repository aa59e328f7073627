#include "cellmon/control/self_stop.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <optional>

namespace hive::control {
namespace {

using std::chrono::milliseconds;

/// A host may let this process wait for a CPU, between arming a timer and stopping, for longer than
/// the timer runs: its signal is lost then. The second timer is for that.
constexpr milliseconds kSecondTry{10'000};

using Timers = std::array<timer_t, 2>;

/// Timers of the kernel that continue this process. Gone with it.
std::optional<Timers> make_timers() {
  Timers timers{};
  for (timer_t& timer : timers) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return std::nullopt;
  }
  return timers;
}

/// Has TIMER fire once after DURATION; 0: never.
bool arm(timer_t timer, milliseconds duration) {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(duration.count() / 1000);
  when.it_value.tv_nsec = static_cast<long>(duration.count() % 1000 * 1'000'000);
  return ::timer_settime(timer, 0, &when, nullptr) == 0;
}

}  // namespace

bool stop_self_for(milliseconds duration) {
  static const std::optional<Timers> kTimers = make_timers();
  if (!kTimers || !arm((*kTimers)[1], duration + kSecondTry) || !arm((*kTimers)[0], duration)) {
    return false;
  }
  (void)::kill(::getpid(), SIGSTOP);
  for (timer_t timer : *kTimers) (void)arm(timer, milliseconds(0));
  return true;
}

}  // namespace hive::control
