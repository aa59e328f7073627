#include "cellmon/control/metrics_memory.h"

#include <algorithm>

namespace hive::control {

ProcessTimes VmmTimes::take(pid_t pid, Incarnation incarnation, const ProcessTimes& times) {
  if (pid != pid_ || incarnation != incarnation_) told_ = {};
  pid_ = pid;
  incarnation_ = incarnation;
  told_ = {std::max(told_.guest, times.guest), std::max(told_.own, times.own)};
  return told_;
}

bool StatisticNames::admit(const GuestCounts::Kvm& statistic) {
  auto name = std::tuple(statistic.of_vcpus, statistic.grows, statistic.name);
  if (names_.contains(name)) return true;
  if (names_.size() == kMax) return false;
  names_.insert(std::move(name));
  return true;
}

}  // namespace hive::control
