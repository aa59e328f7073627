// Machine checks: how a guest is told of memory that has failed.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/kvm/uapi.h"

namespace hive::kvm {

/// How a CPU tells of an error in memory that nobody has used yet.
enum class MemoryErrorStyle : std::uint8_t {
  /// Intel's: a machine check, after which software can go on ("action optional": Intel SDM vol.
  /// 3B, 16.6.3).
  kException,
  /// AMD's: an error that is deferred. It is logged, and software finds it when it next looks (AMD
  /// APM vol. 2, 9.3.3). The interrupt that may tell so KVM does not have.
  kLogged,
};

/// What vCPUs have of the machine-check architecture.
struct MachineChecks {
  std::uint64_t capability = 0;  ///< IA32_MCG_CAP; 0: KVM has none for guests.
  MemoryErrorStyle style{};

  [[nodiscard]] unsigned banks() const { return static_cast<unsigned>(capability & 0xff); }
};

/// For guests that see SUPPORTED leaves of CPUID, where KVM can give them BANKS banks of errors at
/// most, and the capabilities KNOWN (KVM_X86_GET_MCE_CAP_SUPPORTED). Pure.
MachineChecks choose_machine_checks(const std::vector<kvm_cpuid_entry2>& supported, int banks,
                                    std::uint64_t known);

/// The page at guest-physical ADDRESS has failed, as bank BANK tells it. Pure.
kvm_x86_mce memory_error(MemoryErrorStyle style, unsigned bank, std::uint64_t address);
/// What other CPUs have with a machine check that all take together, as Intel's do. Pure.
kvm_x86_mce broadcast_error();

}  // namespace hive::kvm
