// The bzImage loader (Linux: Documentation/arch/x86/boot.rst).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/boot/kernel.h"

namespace hive::boot {

/// Where the setup header starts, in the file and in the zero page.
inline constexpr std::uint64_t kSetupHeaderOffset = 0x1f1;

/// Whether IMAGE carries the mark of a bzImage's setup header.
bool is_bzimage(const ImageSource& image);

/// load_kernel() for what is_bzimage().
LoadedKernel load_bzimage(const memory::GuestMemory& memory, const ImageSource& image);

}  // namespace hive::boot
