// The CPU that a guest sees.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/kvm/uapi.h"

namespace hive::kvm {

/// Shapes a table of supported CPUID leaves for a guest's vCPU: one package of VCPUS
/// single-threaded cores, of which this is number INDEX (also its APIC id).
///
/// Hidden from guests: nested virtualisation, the PMU, and KVM's asynchronous page faults (they let
/// KVM fault on guest memory from a thread that is not the vCPU's). `tsc_deadline` says whether the
/// host offers the LAPIC's TSC-deadline timer, which KVM leaves to user space to announce. Pure.
std::vector<kvm_cpuid_entry2> shape_cpuid(std::vector<kvm_cpuid_entry2> supported,
                                          std::uint32_t index, std::uint32_t vcpus,
                                          bool tsc_deadline);

/// How many bits a guest's physical addresses have by the leaves SUPPORTED. Pure.
unsigned physical_address_bits(const std::vector<kvm_cpuid_entry2>& supported);

}  // namespace hive::kvm
