// How often something may happen.
#pragma once

#include <chrono>
#include <cstdint>

namespace hive::device::vsock {

using Clock = std::chrono::steady_clock;

/// RATE tokens a second, at most a tenth of that (and at least one) saved up. Rate 0: no limit. The
/// caller says what time it is; time that runs backwards gives nothing.
class TokenBucket {
 public:
  explicit TokenBucket(std::uint32_t rate);

  /// Takes a token at time NOW. False where there is none.
  [[nodiscard]] bool take(Clock::time_point now);
  /// When there is a token again, after take() gave none.
  [[nodiscard]] Clock::time_point next() const;

 private:
  // What a token is worth: the bucket holds time.
  std::chrono::nanoseconds price_;
  std::chrono::nanoseconds most_;
  std::chrono::nanoseconds saved_;
  Clock::time_point last_{};
  bool started_ = false;
};

}  // namespace hive::device::vsock
