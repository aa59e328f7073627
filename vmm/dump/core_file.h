// The layout of a guest's core file: ELF (gABI, chapter 4 and 5) of type ET_CORE for x86-64, as gdb
// and crash open it. A pure core: bytes from values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/kvm/uapi.h"

namespace hive::dump {

/// A vCPU's registers.
struct Cpu {
  kvm_regs regs{};
  kvm_sregs sregs{};
};

/// A piece of RAM that the guest's kernel has mapped.
struct Mapping {
  std::uint64_t virtual_address = 0;
  std::uint64_t physical = 0;  ///< Guest-physical.
  std::uint64_t size = 0;      ///< Bytes, a multiple of 4 KiB.

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

/// What a core file is made of. The file is a header, then RAM: region after region, all of each.
/// The header has
/// - for each vCPU a note NT_PRSTATUS with its general registers, and a note of name QEMU with its
///   control registers and descriptor tables as well, by which crash finds a kernel that was moved;
/// - the note VMCOREINFO of the guest's own kernel, where it was found;
/// - a segment for each region of RAM, by physical address, at the virtual address 0 as QEMU has
///   it;
/// - a segment for each mapping, whose content is that of the RAM behind it: gdb finds symbols by
///   these.
struct Contents {
  std::vector<Cpu> cpus;
  std::vector<Range> ram;         ///< Guest-physical; whole pages, in order.
  std::vector<Mapping> mappings;  ///< Each within one region of RAM; at most kMaxMappings.
};

inline constexpr std::size_t kMaxMappings = 16384;
/// The longest note VMCOREINFO, in bytes with its header: Linux gives it a page of text.
inline constexpr std::size_t kMaxVmcoreinfo = 24 + 4096;

/// The bytes of the header, a multiple of 4 KiB: RAM begins there in the file.
std::uint64_t header_size(const Contents& contents);
/// The bytes of the whole file.
std::uint64_t file_size(const Contents& contents);
/// The header. VMCOREINFO is a whole note, or empty; longer than kMaxVmcoreinfo, it is left out.
std::vector<std::byte> make_header(const Contents& contents, std::span<const std::byte> vmcoreinfo);

}  // namespace hive::dump
