#include "cellmon/detect/accrual.h"

#include <algorithm>
#include <cmath>

namespace hive::detect {

void Accrual::beat(Time now, Time own_delay) {
  excused_ += own_delay;
  if (started_) {
    intervals_[next_] = silent_for(now);
    next_ = (next_ + 1) % kSamples;
    count_ = std::min(count_ + 1, kSamples);
  }
  started_ = true;
  last_ = now;
  excused_ = 0;
}

void Accrual::restart(Time now) {
  started_ = true;
  last_ = now;
  excused_ = 0;
  next_ = count_ = 0;
}

Time Accrual::silent_for(Time now) const {
  const Time whole = now > last_ ? now - last_ : 0;
  return whole > excused_ ? whole - excused_ : 0;
}

/// A silence that is nothing special: the longer half of what was seen, on average, and never less
/// than the period.
double Accrual::expected() const {
  double sum = 0;
  double squares = 0;
  for (std::size_t index = 0; index < count_; ++index) {
    const double interval = static_cast<double>(intervals_[index]);
    sum += interval;
    squares += interval * interval;
  }
  if (count_ == 0) return static_cast<double>(period_);
  const double mean = sum / static_cast<double>(count_);
  const double variance = std::max(squares / static_cast<double>(count_) - mean * mean, 0.0);
  return std::max(mean + std::sqrt(variance), static_cast<double>(period_));
}

double Accrual::suspicion(Time now) const {
  if (!started_) return 0;
  const double usual = expected();
  const double silent = static_cast<double>(silent_for(now));
  if (silent <= usual) return 0;
  // Beyond what is usual, each further half a usual silence is ten times less likely.
  return (silent - usual) / (usual / 2);
}

}  // namespace hive::detect
