// A deadline that can be set anew and called off.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace hive::control {

/// Single-threaded: handlers run from the loop, and none once this object has ended.
class Deadline {
 public:
  explicit Deadline(boost::asio::io_context& loop) : timer_(loop) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  Deadline(Deadline&&) = delete;
  Deadline& operator=(Deadline&&) = delete;
  ~Deadline() { ++*turn_; }

  /// Calls ON_PASSED after LIMIT, and for no earlier deadline.
  void arm(std::chrono::milliseconds limit, std::function<void()> on_passed);
  /// Calls nothing.
  void disarm();

 private:
  boost::asio::steady_timer timer_;
  /// Tells which deadline an expiry belongs to: one that is queued in the loop already cannot be
  /// cancelled, and may come after this object.
  std::shared_ptr<std::uint64_t> turn_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace hive::control
