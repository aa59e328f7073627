// Pages of a guest's RAM that fail.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vmm/cell/corruption.h"
#include "vmm/cell/vcpu_thread.h"
#include "vmm/kvm/machine_check.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// Has pages fail: what was in them is gone, and the guest is told as its CPU would tell it.
class PageFailure {
 public:
  using Vcpus = std::vector<std::unique_ptr<VcpuThread>>;

  /// The references outlive this object.
  PageFailure(const memory::GuestMemory& memory, Vcpus& vcpus, kvm::MachineChecks checks)
      : memory_(memory), vcpus_(vcpus), checks_(checks) {}

  /// Draws the pages from FAILED, whose changes are of no meaning; vCPU number INDEX is the one
  /// that is told. Returns what was done, for people. While no vCPU is in the guest. Throws Error,
  /// with nothing changed, where it cannot be done.
  std::string perform(const Corruption& failed, unsigned index);

 private:
  /// The banks of the vCPU INDEX in which COUNT errors can be told.
  [[nodiscard]] std::vector<unsigned> free_banks(unsigned index, std::size_t count) const;
  /// Throws Error where one of those that would get a machine check still has one.
  void check_progress() const;
  void tell(unsigned index, unsigned bank, std::uint64_t page);
  /// Whether the guest has vCPU INDEX take machine checks.
  [[nodiscard]] bool takes(unsigned index) const;

  const memory::GuestMemory& memory_;
  Vcpus& vcpus_;
  kvm::MachineChecks checks_;
};

}  // namespace hive::cell
