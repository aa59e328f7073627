// The loader of ELF kernels with a PVH entry point (Xen: docs/misc/pvh.pandoc).
#pragma once

#include "vmm/boot/kernel.h"

namespace hive::boot {

/// Whether IMAGE starts as an ELF file does.
bool is_elf(const ImageSource& image);

/// load_kernel() for what is_elf().
LoadedKernel load_elf_kernel(const memory::GuestMemory& memory, const ImageSource& image);

}  // namespace hive::boot
