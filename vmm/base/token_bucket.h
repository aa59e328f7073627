// How often something may happen.
#pragma once

#include <cstdint>

#include "vmm/base/monotonic.h"

namespace hive {

/// RATE tokens a second, at most BURST of them saved up, and so many to begin with. Rate 0: no
/// limit. The caller says what time it is; time that runs backwards gives nothing. Pure, not
/// thread-safe.
class TokenBucket {
 public:
  /// BURST is at least 1.
  TokenBucket(std::uint32_t rate, std::uint32_t burst);

  /// Takes a token at time NOW. False where there is none.
  [[nodiscard]] bool take(MonotonicTime now);
  /// Whether take() would.
  [[nodiscard]] bool has(MonotonicTime now);
  /// When there is a token again, after take() gave none.
  [[nodiscard]] MonotonicTime next() const { return last_ + (price_ - saved_); }

 private:
  // What a token is worth: the bucket holds time, of which no sum wraps.
  std::uint64_t price_;
  std::uint64_t most_;
  std::uint64_t saved_;
  MonotonicTime last_ = 0;
};

}  // namespace hive
