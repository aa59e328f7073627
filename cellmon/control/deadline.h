// A deadline that can be set anew and called off.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>

namespace hive::control {

/// Single-threaded: handlers run from the loop, which has to end before this object does.
class Deadline {
 public:
  explicit Deadline(boost::asio::io_context& loop) : timer_(loop) {}

  /// Calls ON_PASSED after LIMIT, and for no earlier deadline.
  void arm(std::chrono::milliseconds limit, std::function<void()> on_passed);
  /// Calls nothing.
  void disarm();

 private:
  boost::asio::steady_timer timer_;
  /// Tells which deadline an expiry belongs to: one that is queued in the loop already cannot be
  /// cancelled.
  std::uint64_t turn_ = 0;
};

}  // namespace hive::control
