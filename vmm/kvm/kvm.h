// The host's KVM: the system descriptor, /dev/kvm.
#pragma once

#include <cstddef>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/kvm/machine_check.h"
#include "vmm/kvm/uapi.h"

namespace hive::kvm {

/// The system ioctls of KVM (Documentation/virt/kvm/api.rst). Const after construction.
class Kvm {
 public:
  /// Opens /dev/kvm. Throws Error, with a remedy, when it is missing, not permitted, busy or not
  /// the stable API (version 12).
  Kvm();

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// KVM_CHECK_EXTENSION: 0 when CAPABILITY is absent.
  [[nodiscard]] int extension(unsigned capability) const;

  /// KVM_GET_SUPPORTED_CPUID: what this host can give to a guest.
  [[nodiscard]] std::vector<kvm_cpuid_entry2> supported_cpuid() const;

  /// What of the machine-check architecture vCPUs can have.
  [[nodiscard]] MachineChecks machine_checks() const;

  /// Bytes of a vCPU's shared kvm_run area.
  [[nodiscard]] std::size_t run_area_size() const;

 private:
  UniqueFd fd_;
};

}  // namespace hive::kvm
