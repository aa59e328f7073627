// Everything that a VMM puts into guest memory before the first vCPU runs.
#pragma once

#include <string>

#include "vmm/boot/boot_state.h"
#include "vmm/boot/image_source.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::boot {

/// Loads KERNEL, INITRD (null for none) and CMDLINE into MEMORY, which is as it was made, and
/// builds the ACPI tables of a guest with VCPUS vCPUs, the kernel's parameters, and what the entry
/// mode needs (page tables, GDT). MEMORY's hole is layout::kHole. Vcpu 0 starts with the result;
/// the others wait for INIT and SIPI. UPPER is what the guest has above RAM. Throws Error naming
/// the file at fault, the cause and the remedy.
BootState prepare_boot(const memory::GuestMemory& memory, unsigned vcpus, const ImageSource& kernel,
                       const ImageSource* initrd, const std::string& cmdline,
                       const memory::layout::UpperRanges& upper = {});

/// prepare_boot() with the files at KERNEL and INITRD ("" for none).
BootState prepare_boot(const memory::GuestMemory& memory, unsigned vcpus, const std::string& kernel,
                       const std::string& initrd, const std::string& cmdline,
                       const memory::layout::UpperRanges& upper = {});

}  // namespace hive::boot
