#include "cellmon/metrics/histogram.h"

#include <algorithm>
#include <numeric>

namespace hive::metrics {

std::uint64_t Histogram::count() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::uint64_t Histogram::quantile(double share) const noexcept {
  const std::uint64_t all = count();
  if (all == 0) return 0;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(all);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBounds.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return kBounds[bucket];
  }
  return kBounds.back();
}

}  // namespace hive::metrics
