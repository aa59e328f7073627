// Loading of kernels: bzImage and PVH ELF.
#pragma once

#include <asm/bootparam.h>

#include <cstdint>

#include "vmm/base/range.h"
#include "vmm/boot/image_source.h"
#include "vmm/memory/guest_memory.h"

namespace hive::boot {

/// How a loaded kernel is entered.
enum class Entry {
  kLinux64,  ///< 64-bit Linux boot protocol, RSI = zero page (Linux: Documentation/arch/x86/boot).
  kPvh,      ///< 32-bit protected mode, EBX = hvm_start_info (Xen: docs/misc/pvh.pandoc).
};

/// A kernel in guest memory.
struct LoadedKernel {
  Entry entry{};
  std::uint64_t entry_address = 0;  ///< Guest-physical.
  Range memory;                     ///< What the kernel uses until it has its own allocator.
  std::uint64_t initrd_max = 0;     ///< Highest address that an initrd's last byte may have.
  std::uint64_t cmdline_max = 0;    ///< Longest command line, without its terminating 0.
  setup_header header{};            ///< kLinux64 only: as in the file.
};

/// Finds out what IMAGE is and loads it into MEMORY, which is as it was made: all zero. Throws
/// Error naming the file, what is wrong with it, and the remedy, for anything but a sound bzImage
/// of protocol 2.12 with a 64-bit entry or an x86-64 ELF with a PVH entry note that fits below the
/// hole. MEMORY's content is undefined after an Error.
LoadedKernel load_kernel(const memory::GuestMemory& memory, const ImageSource& image);

/// Loads IMAGE as high in low RAM as KERNEL lets it be, page-aligned, clear of the kernel. Throws
/// Error, naming both sizes, when there is no room.
Range load_initrd(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                  const ImageSource& image);

}  // namespace hive::boot
