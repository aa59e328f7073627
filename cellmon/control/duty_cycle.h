// Slows a process down: it is stopped for a share of the time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "cellmon/control/deadline.h"

namespace hive::control {

/// Stops and continues a process by turns. Single-threaded: functions are called from the loop, but
/// for the first stop and cancel().
class DutyCycle {
 public:
  using Milliseconds = std::chrono::milliseconds;

  struct Settings {
    unsigned share = 50;  ///< Of each period, in percent, from 1 to 99.
    Milliseconds period{200};
    std::optional<Milliseconds> duration;  ///< Missing: for good.
  };
  struct Process {
    /// Stops it for that long: for as long as this takes, or until go_on(). False where it cannot.
    std::function<bool(Milliseconds)> stop;
    std::function<void()> go_on;
  };

  explicit DutyCycle(boost::asio::io_context& loop) : timer_(loop) {}

  /// Slows PROCESS, in place of any other, from now on. False where it cannot be stopped.
  bool begin(const Settings& settings, Process process);
  /// The process goes on, as ever.
  void cancel();
  [[nodiscard]] bool is_active() const { return active_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool stop();
  void go_on();

  Deadline timer_;
  Settings settings_;
  Process process_;
  Clock::time_point end_;
  bool active_ = false;
  bool stopped_ = false;
};

}  // namespace hive::control
