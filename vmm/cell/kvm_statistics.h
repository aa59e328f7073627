// KVM's statistics of a cell, put where its monitor can see them.
#pragma once

#include <optional>
#include <vector>

#include "vmm/cell/progress.h"
#include "vmm/kvm/stats.h"

namespace hive::cell {

/// Opens all files before the sandbox closes behind the VMM. On the loop's thread.
class KvmStatistics {
 public:
  /// PROGRESS outlives this object. Names what KVM has of the VM, whose descriptor is VM, in it.
  KvmStatistics(Progress& progress, int vm);

  /// Names what KVM has of vCPUs with the first of them; all are alike. VCPU is its descriptor.
  void add_vcpu(int vcpu);

  /// Reads all values anew.
  void refresh();

 private:
  void name(const std::vector<kvm::Stat>& list, std::uint32_t flags);

  Progress& progress_;
  std::optional<kvm::Stats> vm_;
  std::vector<kvm::Stats> vcpus_;
  std::size_t vm_count_ = 0;    ///< Statistics of the VM that have a place in `progress_`.
  std::size_t vcpu_count_ = 0;  ///< Of vCPUs, behind those.
};

}  // namespace hive::cell
