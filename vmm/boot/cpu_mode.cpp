#include "vmm/boot/cpu_mode.h"

#include <array>

#include "vmm/base/error.h"
#include "vmm/boot/boot_data.h"

namespace hive::boot {
namespace {

constexpr std::uint64_t kCr0Protected = 1U << 0 | 1U << 4;  // PE, ET
constexpr std::uint64_t kCr0Paging = 1U << 31;
constexpr std::uint64_t kCr4PhysicalAddressExtension = 1U << 5;
constexpr std::uint64_t kEferLongMode = 1U << 8 | 1U << 10;  // LME, LMA

constexpr std::uint8_t kExecuteRead = 0xb;  // Code and data types have their accessed bit set:
constexpr std::uint8_t kReadWrite = 0x3;    // the processor then never writes to the GDT.
constexpr std::uint8_t kBusyTask = 0xb;

constexpr std::uint64_t kTableEntry = 0x23;  // Present, writable, accessed.
constexpr std::uint64_t kLargePage = 0xe3;   // As above, dirty, page size.
constexpr std::uint64_t kEntries = 512;
constexpr std::uint64_t kDirectories = 4;

Segment flat(std::uint16_t selector, std::uint8_t type) {
  Segment segment;
  segment.selector = selector;
  segment.limit = 0xffff'ffff;
  segment.type = type;
  segment.present = true;
  segment.code_or_data = true;
  segment.big = true;
  segment.granular = true;
  return segment;
}

Segment task(std::uint16_t selector) {
  Segment segment;
  segment.selector = selector;
  segment.limit = 0x67;
  segment.type = kBusyTask;
  segment.present = true;
  return segment;
}

/// Writes the GDT of STATE's segments: __BOOT_CS is entry 2, __BOOT_DS entry 3, the TSS takes two.
void install_segments(const memory::GuestMemory& memory, BootState& state) {
  state.data = flat(0x18, kReadWrite);
  state.task = task(0x20);
  const std::array<std::uint64_t, 6> gdt{0,
                                         0,
                                         encode_descriptor(state.code),
                                         encode_descriptor(state.data),
                                         encode_descriptor(state.task),
                                         0};
  put(memory, kGdt, gdt);
  state.gdt = {kGdt, sizeof(gdt) - 1};
}

void map_identity(const memory::GuestMemory& memory) {
  constexpr std::uint64_t kPdpt = kPageTables + kPageSize;
  constexpr std::uint64_t kFirstDirectory = kPdpt + kPageSize;
  static_assert(kFirstDirectory + kDirectories * kPageSize == kPageTables + kPageTablesSize);

  put(memory, kPageTables, kPdpt | kTableEntry);
  std::array<std::uint64_t, kEntries> directory{};
  for (std::uint64_t i = 0; i < kDirectories; ++i) {
    const std::uint64_t table = kFirstDirectory + i * kPageSize;
    put(memory, kPdpt + i * sizeof(std::uint64_t), table | kTableEntry);
    for (std::uint64_t j = 0; j < kEntries; ++j) {
      directory[j] = (i * kEntries + j) * kHugePageSize | kLargePage;
    }
    put(memory, table, directory);
  }
}

}  // namespace

std::uint64_t encode_descriptor(const Segment& segment) {
  const std::uint64_t limit = segment.granular ? segment.limit >> 12 : segment.limit;
  const std::uint64_t access = std::uint64_t{segment.type} | (segment.code_or_data ? 0x10U : 0U) |
                               std::uint64_t{segment.dpl} << 5 | (segment.present ? 0x80U : 0U);
  const std::uint64_t flags =
      (segment.long_mode ? 2U : 0U) | (segment.big ? 4U : 0U) | (segment.granular ? 8U : 0U);
  return (limit & 0xffff) | (segment.base & 0xff'ffff) << 16 | access << 40 |
         (limit >> 16 & 0xf) << 48 | flags << 52 | (segment.base >> 24 & 0xff) << 56;
}

BootState enter_long_mode(const memory::GuestMemory& memory) {
  map_identity(memory);
  BootState state;
  state.cr0 = kCr0Protected | kCr0Paging;
  state.cr3 = kPageTables;
  state.cr4 = kCr4PhysicalAddressExtension;
  state.efer = kEferLongMode;
  state.code = flat(0x10, kExecuteRead);
  state.code.long_mode = true;
  state.code.big = false;
  install_segments(memory, state);
  return state;
}

BootState enter_protected_mode(const memory::GuestMemory& memory) {
  BootState state;
  state.cr0 = kCr0Protected;
  state.code = flat(0x10, kExecuteRead);
  install_segments(memory, state);
  return state;
}

}  // namespace hive::boot
