// What a monitor keeps from one collection of metrics to the next.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <set>
#include <string>
#include <tuple>

#include "cellmon/control/guest_counts.h"
#include "cellmon/control/process_figures.h"
#include "cellmon/control/tick_rate.h"
#include "vmm/base/ids.h"

namespace hive::control {

/// CPU times of a cell's VMMs, one after the other, as counters: those of one VMM never shrink,
/// though they are differences of accounts that the kernel rounds each by itself.
class VmmTimes {
 public:
  /// TIMES of the VMM that is process PID of INCARNATION, each at least as it was told before.
  ProcessTimes take(pid_t pid, Incarnation incarnation, const ProcessTimes& times);

 private:
  pid_t pid_ = 0;
  Incarnation incarnation_ = 0;
  ProcessTimes told_;
};

/// The names of KVM's statistics that a monitor has told: a VMM that makes up new ones all the time
/// makes no more series than one that does not.
class StatisticNames {
 public:
  /// Of counts and levels, of the VM and of vCPUs, all together.
  static constexpr std::size_t kMax = cell::Progress::kMaxStatistics;

  /// Whether STATISTIC is one of the first kMax that were asked about.
  bool admit(const GuestCounts::Kvm& statistic);

 private:
  std::set<std::tuple<bool, bool, std::string>> names_;
};

/// One for each monitor, for as long as that runs. Not thread-safe.
struct MetricsMemory {
  TickRate ticks;
  VmmTimes vmm;
  StatisticNames names;
};

}  // namespace hive::control
