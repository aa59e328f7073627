// What a kernel is told as it starts: boot_params for Linux, hvm_start_info for PVH.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/memory_map.h"
#include "vmm/memory/guest_address.h"
#include "vmm/memory/guest_memory.h"

namespace hive::boot {

/// Where everything is that the parameters point at.
struct BootInputs {
  Range initrd;   ///< Empty: none.
  Range cmdline;  ///< In guest memory, without its terminating 0.
  memory::GuestAddress rsdp;
  std::vector<MemoryMapEntry> map;
};

/// Writes CMDLINE, with a terminating 0, for KERNEL. Throws Error (kUsage) when it is longer than
/// KERNEL takes or contains a 0.
Range write_cmdline(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                    const std::string& cmdline);

/// Writes the zero page (Linux: Documentation/arch/x86/zero-page.rst) and returns where it is.
memory::GuestAddress write_zero_page(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                                     const BootInputs& inputs);

/// Writes hvm_start_info version 1 (Xen: public/arch-x86/hvm/start_info.h), its module list and
/// memory map, and returns where it is.
memory::GuestAddress write_start_info(const memory::GuestMemory& memory, const BootInputs& inputs);

}  // namespace hive::boot
