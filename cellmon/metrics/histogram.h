// How long something took, each time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hive::metrics {

/// Counts durations in fixed buckets, the same for all histograms, so that those of many cells can
/// be added up. Recording allocates nothing and is a handful of comparisons. Not thread-safe.
class Histogram {
 public:
  static constexpr double kSecond = 1e9;  ///< In nanoseconds.
  /// The longest that each bucket but the last counts, in nanoseconds; the last counts the rest.
  static constexpr std::array<std::uint64_t, 22> kBounds{1'000,
                                                         2'500,
                                                         5'000,
                                                         10'000,
                                                         25'000,
                                                         50'000,
                                                         100'000,
                                                         250'000,
                                                         500'000,
                                                         1'000'000,
                                                         2'500'000,
                                                         5'000'000,
                                                         10'000'000,
                                                         25'000'000,
                                                         50'000'000,
                                                         100'000'000,
                                                         250'000'000,
                                                         500'000'000,
                                                         1'000'000'000,
                                                         2'500'000'000,
                                                         5'000'000'000ULL,
                                                         10'000'000'000ULL};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  Histogram() = default;
  /// COUNTS of the buckets, each by itself, and the SUM of all durations in nanoseconds.
  Histogram(const std::array<std::uint64_t, kBuckets>& counts, std::uint64_t sum)
      : counts_(counts), sum_(sum) {}

  void record(std::uint64_t nanoseconds) noexcept {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && nanoseconds > kBounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += nanoseconds;
  }

  /// Of each bucket by itself.
  [[nodiscard]] const std::array<std::uint64_t, kBuckets>& counts() const noexcept {
    return counts_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept;
  /// Of all durations, in nanoseconds.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  /// A duration that SHARE (0 to 1) of those recorded do not exceed, in nanoseconds: a bucket's
  /// bound, the greatest for what is beyond all; 0 where nothing was recorded.
  [[nodiscard]] std::uint64_t quantile(double share) const noexcept;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t sum_ = 0;
};

}  // namespace hive::metrics
