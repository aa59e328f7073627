// A vCPU's state before it first runs.
#pragma once

#include <cstdint>

#include "vmm/boot/boot_state.h"
#include "vmm/kvm/machine_check.h"
#include "vmm/kvm/vcpu.h"

namespace hive::cell {

/// Gives vCPU INDEX of VCPUS its CPUID, LAPIC pins, model-specific registers and CHECKS, which are
/// those of all vCPUs of KVM's. Throws Error.
void set_up_cpu(const kvm::Kvm& kvm, const kvm::MachineChecks& checks, kvm::Vcpu& vcpu,
                std::uint32_t index, std::uint32_t vcpus);

/// Puts the boot processor where its kernel is entered. Throws Error.
void enter_at(kvm::Vcpu& vcpu, const boot::BootState& state);

}  // namespace hive::cell
