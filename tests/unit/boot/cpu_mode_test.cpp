#include "vmm/boot/cpu_mode.h"

#include "tests/unit/boot/images.h"
#include "vmm/boot/boot_data.h"

namespace hive::boot {
namespace {

constexpr std::uint64_t kCode64 = 0x00af'9b00'0000'ffff;
constexpr std::uint64_t kCode32 = 0x00cf'9b00'0000'ffff;
constexpr std::uint64_t kData = 0x00cf'9300'0000'ffff;

/// Where a page walk from CR3 leads for ADDRESS, as the processor does it.
std::optional<std::uint64_t> translate(const memory::GuestMemory& memory, std::uint64_t cr3,
                                       std::uint64_t address) {
  constexpr std::uint64_t kFrame = 0x000f'ffff'ffff'f000;
  std::uint64_t table = cr3;
  for (const unsigned shift : {39U, 30U, 21U}) {
    const auto entry =
        memory.load<std::uint64_t>({(table & kFrame) + (address >> shift & 0x1ff) * 8}).value();
    if ((entry & 3) != 3) return std::nullopt;
    if (shift == 21) {
      EXPECT_EQ(entry & 0x80, 0x80U);
      return (entry & kFrame) + (address & (kHugePageSize - 1));
    }
    table = entry;
  }
  return std::nullopt;
}

std::uint64_t descriptor(const memory::GuestMemory& memory, const BootState& state,
                         const Segment& segment) {
  EXPECT_LE(segment.selector + 7U, state.gdt.limit);
  return memory.load<std::uint64_t>({state.gdt.base + segment.selector}).value();
}

TEST(LongMode, MapsTheFirst4GibOneToOne) {
  const auto memory = make_memory(2 * kMiB);
  const BootState state = enter_long_mode(memory);
  for (std::uint64_t address = 12345; address < 4 * kGiB; address += 37 * kMiB) {
    ASSERT_EQ(translate(memory, state.cr3, address), address);
  }
  EXPECT_EQ(translate(memory, state.cr3, 4 * kGiB - 1), 4 * kGiB - 1);
  EXPECT_EQ(translate(memory, state.cr3, 4 * kGiB), std::nullopt);
}

TEST(LongMode, IsWhatTheLinuxBootProtocolAsksFor) {
  const auto memory = make_memory(2 * kMiB);
  const BootState state = enter_long_mode(memory);
  EXPECT_EQ(state.cr0, 0x8000'0011U);
  EXPECT_EQ(state.cr4, 0x20U);
  EXPECT_EQ(state.efer, 0x500U);
  EXPECT_EQ(state.rflags, 2U);
  EXPECT_EQ(state.code.selector, 0x10);
  EXPECT_EQ(state.data.selector, 0x18);
  EXPECT_EQ(descriptor(memory, state, state.code), kCode64);
  EXPECT_EQ(descriptor(memory, state, state.data), kData);
  EXPECT_EQ(descriptor(memory, state, state.task) >> 40 & 0xff, 0x8bU);
}

TEST(ProtectedMode, IsFlatAndUnpaged) {
  const auto memory = make_memory(2 * kMiB);
  const BootState state = enter_protected_mode(memory);
  EXPECT_EQ(state.cr0, 0x11U);
  EXPECT_EQ(state.cr4, 0U);
  EXPECT_EQ(state.efer, 0U);
  EXPECT_EQ(descriptor(memory, state, state.code), kCode32);
  EXPECT_EQ(descriptor(memory, state, state.data), kData);
  EXPECT_EQ(state.task.limit, 0x67U);
}

TEST(Descriptor, PlacesEveryField) {
  Segment segment;
  segment.base = 0x1234'5678;
  segment.limit = 0xa'bcde;
  segment.type = 0x9;
  segment.dpl = 3;
  segment.present = true;
  EXPECT_EQ(encode_descriptor(segment), 0x120a'e934'5678'bcdeU);
}

}  // namespace
}  // namespace hive::boot
