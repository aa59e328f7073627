// How long many calls took, in memory that does not grow with their number.
#pragma once

#include <array>
#include <cstdint>

namespace hive::ctl {

/// Counts times in ns, each with an error of at most 0.2 %. Takes some 200 KiB.
class Latencies {
 public:
  /// Less than 0 counts as 0.
  void add(std::int64_t time);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Exact; 0 where nothing was added, as the rest.
  [[nodiscard]] std::int64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::int64_t max() const { return max_; }
  /// The time that comes after PERCENT of them, 0 to 100.
  [[nodiscard]] std::int64_t percentile(unsigned percent) const;

 private:
  /// Times below kFine have a place each; those of each further power of two share kFine / 2.
  static constexpr unsigned kFineBits = 10;
  static constexpr std::uint64_t kFine = std::uint64_t{1} << kFineBits;
  static constexpr std::size_t kPlaces = kFine + (63 - kFineBits) * (kFine / 2);

  static std::size_t place_of(std::uint64_t time);
  static std::uint64_t time_at(std::size_t place);

  std::array<std::uint64_t, kPlaces> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
};

}  // namespace hive::ctl
