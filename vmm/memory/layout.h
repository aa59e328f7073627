// The guest-physical address map, port map and interrupt map of a cell.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "vmm/base/range.h"
#include "vmm/base/units.h"

namespace hive::memory::layout {

// Memory space. RAM runs from 0 to kHole, and on from the hole's end.
inline constexpr Range kHole{0xc000'0000, 0x4000'0000};       ///< Below 4 GiB: devices only.
inline constexpr Range kPciWindow{0xc000'0000, 0x2000'0000};  ///< 32-bit BARs.
inline constexpr Range kEcam{0xe000'0000, 0x10'0000};         ///< PCI bus 0: 1 MiB of config space.
inline constexpr Range kIoApic{0xfec0'0000, 0x1000};
inline constexpr Range kLocalApic{0xfee0'0000, 0x1000};
inline constexpr Range kKvmReserved{0xfffb'c000, 0x4000};  ///< KVM's identity map page and TSS.

// The first MiB. Linux keeps out of what e820 does not call RAM.
inline constexpr Range kLowRam{0, 0x9'fc00};
inline constexpr std::uint64_t kBootData = 0x7000;       ///< Boot GDT, page tables, params.
inline constexpr Range kFirmware{0xe'0000, 0x2'0000};    ///< What a BIOS would fill; reserved.
inline constexpr Range kAcpiTables{0xe'0000, 0x1'fff0};  ///< RSDP first: where BIOS has it.
inline constexpr Range kResetVector{0xf'fff0, 0x10};     ///< F000:FFF0, where resets jump to.
inline constexpr std::uint64_t kHighRam = 0x10'0000;     ///< Kernels are loaded from here.

/// Linux adds memory in parts of that size, and leaves out what is less.
inline constexpr std::uint64_t kSpareStep = 128 * kMiB;

/// Where a guest with RAM_SIZE bytes of RAM can plug in SPARE_SIZE bytes more: from the first whole
/// GiB above 4 GiB and all of its RAM on.
constexpr Range spare_range(std::uint64_t ram_size, std::uint64_t spare_size) {
  const std::uint64_t ram_end = ram_size <= kHole.start ? kHole.end() : ram_size + kHole.size;
  return {align_up(ram_end, kGiB), spare_size};
}

/// Where the guest has global memory: in the first whole GiB above 4 GiB and all of its RAM, spare
/// and not.
constexpr std::uint64_t global_memory_start(std::uint64_t ram_size, std::uint64_t spare_size = 0) {
  return align_up(spare_range(ram_size, spare_size).end(), kGiB);
}

/// The BAR through which a PCI driver sees GLOBAL_SIZE bytes of global memory.
constexpr std::uint64_t global_bar_size(std::uint64_t global_size) {
  return std::bit_ceil(std::max(global_size, kPageSize));
}

/// What lies above all RAM. Both ranges are empty where a cell has no global memory.
struct UpperRanges {
  Range global;  ///< Global memory: the guest's firmware calls it reserved.
  Range bars;    ///< 64-bit prefetchable BARs.
};

/// The upper ranges of a cell with RAM_SIZE bytes of RAM, SPARE_SIZE bytes that it can plug in, and
/// GLOBAL_SIZE bytes of global memory, which is not 0. There is room for two BARs of global memory,
/// so that a guest can move it.
constexpr UpperRanges upper_ranges(std::uint64_t ram_size, std::uint64_t global_size,
                                   std::uint64_t spare_size = 0) {
  const Range global{global_memory_start(ram_size, spare_size), global_size};
  const std::uint64_t bar = global_bar_size(global_size);
  return {global, {align_up(global.end(), std::max(bar, kGiB)), 2 * bar}};
}

// Ports.
inline constexpr Range kSerialPorts{0x3f8, 8};
inline constexpr Range kCmosPorts{0x70, 2};
inline constexpr Range kPvpanicPort{0x505, 1};
inline constexpr Range kPowerPorts{0x600, 4};

// The registers at kPowerPorts, one byte each (ACPI 6.4, 4.8.3.7 and 4.8.3.6).
inline constexpr std::uint64_t kSleepControl = kPowerPorts.start;       ///< kSleepOff powers off.
inline constexpr std::uint64_t kSleepStatus = kPowerPorts.start + 1;    ///< Reads as 0.
inline constexpr std::uint64_t kResetPort = kPowerPorts.start + 2;      ///< kResetValue resets.
inline constexpr std::uint64_t kPowerEvents = kPowerPorts.start + 3;    ///< A read clears it.
inline constexpr std::uint8_t kSleepTypeOff = 5;                        ///< SLP_TYP of S5.
inline constexpr std::uint8_t kSleepOff = 0x20 | (kSleepTypeOff << 2);  ///< SLP_EN and SLP_TYP.
inline constexpr std::uint8_t kResetValue = 1;
inline constexpr std::uint8_t kPowerButtonEvent = 1;  ///< Bit of kPowerEvents: button pressed.

// Global system interrupts (IOAPIC pins).
inline constexpr std::uint32_t kSerialGsi = 4;
inline constexpr std::uint32_t kPowerGsi = 9;
inline constexpr std::uint32_t kPciGsi = 16;  ///< Of INTA of every PCI function; level-triggered.

}  // namespace hive::memory::layout
