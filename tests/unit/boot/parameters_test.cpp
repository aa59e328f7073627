#include "vmm/boot/parameters.h"

#include <gmock/gmock.h>

#include <array>
#include <cstring>

#include "tests/unit/boot/images.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/start_info.h"

namespace hive::boot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace layout = memory::layout;

std::string string_at(const memory::GuestMemory& memory, std::uint64_t address) {
  return reinterpret_cast<const char*>(memory.window({address}, 4096).value().data());
}

TEST(MemoryMap, IsAscendingWithoutOverlaps) {
  for (const std::uint64_t size : {2 * kMiB, 128 * kMiB, 3 * kGiB, 5 * kGiB}) {
    const auto map = make_memory_map(make_memory(size));
    std::uint64_t ram = 0;
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (i > 0) {
        EXPECT_LE(map[i - 1].range.end(), map[i].range.start);
      }
      if (map[i].kind == MemoryKind::kRam) ram += map[i].range.size;
    }
    EXPECT_EQ(ram, size - (layout::kHighRam - layout::kLowRam.size));
  }
}

TEST(MemoryMap, ContinuesAbove4Gib) {
  const auto map = make_memory_map(make_memory(5 * kGiB));
  EXPECT_THAT(map, ::testing::Contains(
                       MemoryMapEntry{{kMiB, layout::kHole.start - kMiB}, MemoryKind::kRam}));
  EXPECT_EQ(map.back(), (MemoryMapEntry{{4 * kGiB, 2 * kGiB}, MemoryKind::kRam}));
}

TEST(MemoryMap, ReservesWhatLinuxChecks) {
  const auto map = make_memory_map(make_memory(64 * kMiB));
  for (const Range& range : {layout::kEcam, layout::kFirmware, layout::kKvmReserved}) {
    EXPECT_THAT(map, ::testing::Contains(MemoryMapEntry{range, MemoryKind::kReserved}));
  }
}

TEST(MemoryMap, ReservesGlobalMemory) {
  for (const std::uint64_t size : {64 * kMiB, 5 * kGiB}) {
    const auto upper = layout::upper_ranges(size, 6 * kMiB);
    const auto map = make_memory_map(make_memory(size), upper.global);
    EXPECT_EQ(map.back(), (MemoryMapEntry{upper.global, MemoryKind::kReserved}));
    EXPECT_GE(upper.global.start, (map.end() - 2)->range.end());
    EXPECT_GE(upper.bars.start, upper.global.end());
    EXPECT_TRUE(is_aligned(upper.bars.start, 8 * kMiB));
  }
}

TEST(Cmdline, IsBoundedByTheKernel) {
  const auto memory = make_memory(2 * kMiB);
  LoadedKernel kernel;
  kernel.cmdline_max = 5;
  const Range range = write_cmdline(memory, kernel, "quiet");
  EXPECT_EQ(range.size, 5U);
  EXPECT_EQ(string_at(memory, range.start), "quiet");
  EXPECT_THAT(error_of([&] { write_cmdline(memory, kernel, "quiet "); }),
              AllOf(HasSubstr("6 bytes"), HasSubstr("at most 5"), HasSubstr("shorten")));
  kernel.cmdline_max = ~0ULL;
  EXPECT_THAT(error_of([&] { write_cmdline(memory, kernel, std::string(70000, 'x')); }),
              HasSubstr("at most 65535"));
  EXPECT_THAT(error_of([&] { write_cmdline(memory, kernel, std::string(1, '\0')); }),
              HasSubstr("value 0"));
}

TEST(PrepareBoot, GivesLinuxItsZeroPage) {
  const auto memory = make_memory(64 * kMiB);
  const MemoryImage initrd("an initrd");
  const BootState state = prepare_boot(memory, 2, TestBzimage().image(), &initrd, "console=ttyS0");
  EXPECT_EQ(state.rip, 0x100'0200U);
  const auto params = memory.load<boot_params>({state.rsi}).value();
  EXPECT_EQ(copy(params.sentinel), 0);
  EXPECT_EQ(copy(params.hdr.header), 0x5372'6448U);
  EXPECT_EQ(copy(params.hdr.type_of_loader), 0xff);
  EXPECT_EQ(copy(params.hdr.init_size), 0x100'0000U);
  EXPECT_EQ(string_at(memory, params.hdr.cmd_line_ptr), "console=ttyS0");
  EXPECT_EQ(string_at(memory, params.hdr.ramdisk_image).substr(0, 9), "an initrd");
  EXPECT_EQ(copy(params.hdr.ramdisk_size), 9U);
  EXPECT_EQ(copy(params.acpi_rsdp_addr), layout::kAcpiTables.start);
  EXPECT_EQ(string_at(memory, params.acpi_rsdp_addr).substr(0, 8), "RSD PTR ");
  const auto map = make_memory_map(memory);
  ASSERT_EQ(params.e820_entries, map.size());
  for (std::size_t i = 0; i < map.size(); ++i) {
    const boot_e820_entry entry = params.e820_table[i];
    EXPECT_EQ((MemoryMapEntry{{entry.addr, entry.size}, MemoryKind{entry.type}}), map[i]);
  }
}

TEST(PrepareBoot, DoesNotTakeASetupListFromTheFile) {
  TestBzimage kernel;
  kernel.header.setup_data = 0x1234;
  kernel.header.ramdisk_image = 0x5678;
  const auto memory = make_memory(64 * kMiB);
  const BootState state = prepare_boot(memory, 1, kernel.image(), nullptr, "");
  const auto params = memory.load<boot_params>({state.rsi}).value();
  EXPECT_EQ(copy(params.hdr.setup_data), 0U);
  EXPECT_EQ(copy(params.hdr.ramdisk_image), 0U);
  EXPECT_EQ(copy(params.hdr.ramdisk_size), 0U);
}

TEST(PrepareBoot, GivesPvhItsStartInfo) {
  const auto memory = make_memory(64 * kMiB);
  const MemoryImage initrd("an initrd");
  const BootState state = prepare_boot(memory, 2, TestElf().image(), &initrd, "quiet");
  EXPECT_EQ(state.rip, 0x100'0040U);
  const auto info = memory.load<StartInfo>({state.rbx}).value();
  EXPECT_EQ(info.magic, kStartInfoMagic);
  EXPECT_EQ(info.version, 1U);
  EXPECT_EQ(string_at(memory, info.cmdline), "quiet");
  EXPECT_EQ(info.rsdp, layout::kAcpiTables.start);
  ASSERT_EQ(info.module_count, 1U);
  const auto module = memory.load<StartInfoModule>({info.modules}).value();
  EXPECT_EQ(module.size, 9U);
  EXPECT_EQ(string_at(memory, module.address).substr(0, 9), "an initrd");
  const auto map = make_memory_map(memory);
  ASSERT_EQ(info.memory_map_count, map.size());
  for (std::size_t i = 0; i < map.size(); ++i) {
    const auto entry =
        memory.load<StartInfoMapEntry>({info.memory_map + i * sizeof(StartInfoMapEntry)}).value();
    EXPECT_EQ((MemoryMapEntry{{entry.address, entry.size}, MemoryKind{entry.kind}}), map[i]);
  }
}

TEST(PrepareBoot, GivesPvhNoModuleWithoutAnInitrd) {
  const auto memory = make_memory(64 * kMiB);
  const BootState state = prepare_boot(memory, 1, TestElf().image(), nullptr, "");
  EXPECT_EQ(memory.load<StartInfo>({state.rbx})->module_count, 0U);
}

}  // namespace
}  // namespace hive::boot
