// CPU weights by scheduling attributes of threads, where there are no cgroups to be had.
#pragma once

#include <functional>
#include <optional>

#include "cellmon/control/cpu/cpu_way.h"

namespace hive::control {

/// Nice values of all threads of the VMM, counted from that of this process. They hold beside all
/// threads of the same cgroup; that of threads which the VMM starts later is their parent's.
class NiceWay : public CpuWay {
 public:
  /// The least nice value that this process may give to others of its own: by CAP_SYS_NICE, or
  /// RLIMIT_NICE.
  static int least_allowed();

  /// BASE: what weight 100 is; LEAST: as least_allowed().
  NiceWay(int base, int least) : base_(base), least_(least) {}

  [[nodiscard]] std::string name() const override { return "nice"; }
  WeightSet attach(WeighedVmm vmm, std::uint32_t weight) override;
  /// Refuses a weight that could not be taken back.
  WeightSet set(std::uint32_t weight) override;
  WeightSet lower(std::uint32_t weight) override;
  void detach() override { vmm_.reset(); }

 private:
  WeightSet apply(int nice);
  [[nodiscard]] int nice_of(std::uint32_t weight) const;

  int base_;
  int least_;
  std::optional<pid_t> vmm_;
  int now_ = 0;
};

/// The nice value of the VMM's autogroup: where the kernel makes a group of each session, threads'
/// own nice values hold only within it.
class AutogroupWay : public CpuWay {
 public:
  [[nodiscard]] std::string name() const override { return "autogroup"; }
  WeightSet attach(WeighedVmm vmm, std::uint32_t weight) override;
  WeightSet set(std::uint32_t weight) override;
  void detach() override { file_.reset(); }

 private:
  UniqueFd file_;
};

}  // namespace hive::control
