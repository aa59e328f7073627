// What a VMM has counted of its guest, taken from the memory that it shares with its monitor.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "vmm/cell/progress.h"
#include "vmm/device/virtio/block_counters.h"

namespace hive::control {

/// Since the VMM's start.
struct GuestCounts {
  struct Exits {
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;  ///< Of the host's TSC.
  };
  struct Block {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;
  };
  struct Kvm {
    std::string name;  ///< Lower-case letters, digits and underscores.
    bool of_vcpus = false;
    bool grows = false;
    std::uint64_t value = 0;
  };

  std::array<Exits, cell::kExitKinds> exits;  ///< Of all vCPUs together.
  std::uint64_t interrupts = 0;
  std::array<Block, device::kBlockOperations> block;
  std::vector<Kvm> kvm;  ///< Each name once for the VM and once for vCPUs.
};

/// A copy of what PROGRESS says of VCPUS vCPUs. It may be anything: numbers are taken as they are,
/// names that are none are left out.
GuestCounts read_counts(const cell::Progress& progress, unsigned vcpus);

}  // namespace hive::control
