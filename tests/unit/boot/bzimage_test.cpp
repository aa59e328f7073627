#include "vmm/boot/bzimage.h"

#include <gmock/gmock.h>

#include "tests/unit/boot/images.h"

namespace hive::boot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const TestBzimage& kernel, std::uint64_t memory_size = 64 * kMiB) {
  const auto memory = make_memory(memory_size);
  return error_of([&] { load_kernel(memory, kernel.image()); });
}

TEST(Bzimage, GoesToItsPreferredAddress) {
  const auto memory = make_memory(64 * kMiB);
  const LoadedKernel kernel = load_kernel(memory, TestBzimage().image());
  EXPECT_EQ(kernel.entry, Entry::kLinux64);
  EXPECT_EQ(kernel.entry_address, 0x100'0200U);
  EXPECT_EQ(kernel.memory, (Range{0x100'0000, 0x100'0000}));
  EXPECT_EQ(kernel.initrd_max, 0x7fff'ffffU);
  EXPECT_EQ(kernel.cmdline_max, 2047U);
  EXPECT_EQ(unsigned{kernel.header.version}, 0x020fU);  // Packed: nothing can refer to it.
}

TEST(Bzimage, LoadsItsPayloadOnly) {
  const auto memory = make_memory(64 * kMiB);
  Bytes bytes = TestBzimage().bytes();
  bytes.resize(bytes.size() + 100, std::byte{0xee});  // As a signature is appended.
  load_kernel(memory, MemoryImage(bytes));
  const auto loaded = memory.window({0x100'0000}, TestBzimage::kPayloadSize + 100).value();
  for (std::size_t i = 0; i < TestBzimage::kPayloadSize; ++i) ASSERT_EQ(loaded[i], pattern(i)) << i;
  for (std::size_t i = 0; i < 100; ++i)
    ASSERT_EQ(loaded[TestBzimage::kPayloadSize + i], std::byte{});
}

TEST(Bzimage, RoundsARelocatableKernelUpToItsAlignment) {
  TestBzimage kernel;
  kernel.header.pref_address = 0x10'1000;
  const auto memory = make_memory(64 * kMiB);
  EXPECT_EQ(load_kernel(memory, kernel.image()).memory.start, 0x20'0000U);
}

TEST(Bzimage, KeepsAFixedKernelWhereItIsLinked) {
  TestBzimage kernel;
  kernel.header.relocatable_kernel = 0;
  kernel.header.kernel_alignment = 3;
  kernel.header.pref_address = 0x10'1000;
  const auto memory = make_memory(64 * kMiB);
  EXPECT_EQ(load_kernel(memory, kernel.image()).memory.start, 0x10'1000U);
}

TEST(Bzimage, TakesZeroSetupSectorsForFour) {
  TestBzimage kernel;
  kernel.header.setup_sects = 0;
  Bytes bytes = kernel.bytes();
  bytes.insert(bytes.begin() + TestBzimage::kPayloadOffset, 512, std::byte{});
  const auto memory = make_memory(64 * kMiB);
  load_kernel(memory, MemoryImage(bytes));
  EXPECT_EQ(memory.load<std::byte>({0x100'0005}), pattern(5));
}

TEST(Bzimage, IgnoresHeaderFieldsBeyondTheHeadersEnd) {
  TestBzimage kernel;
  kernel.header.jump = 0x66eb;  // To 0x268: protocol 2.14 ends before kernel_info_offset.
  kernel.header.kernel_info_offset = 0xdead;
  const auto memory = make_memory(64 * kMiB);
  EXPECT_EQ(unsigned{load_kernel(memory, kernel.image()).header.kernel_info_offset}, 0U);
}

TEST(Bzimage, RefusesATruncatedFileWithBothSizes) {
  Bytes bytes = TestBzimage().bytes();
  const auto whole = std::to_string(bytes.size());
  bytes.resize(bytes.size() - 1);
  const auto memory = make_memory(64 * kMiB);
  EXPECT_THAT(error_of([&] { load_kernel(memory, MemoryImage(bytes)); }),
              AllOf(HasSubstr("kernel /test: truncated"), HasSubstr(whole),
                    HasSubstr(std::to_string(bytes.size())), HasSubstr("copy it again")));
}

TEST(Bzimage, RefusesEveryTruncation) {
  const Bytes whole = TestBzimage().bytes();
  const auto memory = make_memory(64 * kMiB);
  for (std::size_t size = 0; size < whole.size(); size += size < 0x400 ? 1 : 509) {
    const MemoryImage image(
        Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_THROW(load_kernel(memory, image), Error) << size;
  }
}

TEST(Bzimage, RefusesWhatItCannotEnter) {
  TestBzimage kernel;
  kernel.header.version = 0x020b;
  EXPECT_THAT(refusal(kernel), HasSubstr("older than 2.12"));
  kernel = {};
  kernel.header.xloadflags = 0;
  EXPECT_THAT(refusal(kernel), HasSubstr("32-bit kernel"));
  kernel = {};
  kernel.header.loadflags = 0;
  EXPECT_THAT(refusal(kernel), HasSubstr("zImage"));
  kernel = {};
  kernel.header.boot_flag = 0;
  EXPECT_THAT(refusal(kernel), HasSubstr("boot signature"));
  kernel = {};
  kernel.header.jump = 0x10eb;
  EXPECT_THAT(refusal(kernel), HasSubstr("older than 2.12"));
}

TEST(Bzimage, RefusesContradictions) {
  TestBzimage kernel;
  kernel.header.payload_length += 1;
  EXPECT_THAT(refusal(kernel), HasSubstr("contradicts itself"));
  kernel = {};
  kernel.header.payload_offset = 0xffff'ffff;
  kernel.header.payload_length = 0xffff'ffff;
  EXPECT_THAT(refusal(kernel), HasSubstr("contradicts itself"));
  kernel = {};
  kernel.header.syssize = 0x200 / 16;
  EXPECT_THAT(refusal(kernel), HasSubstr("contradicts itself"));
  kernel = {};
  kernel.header.kernel_alignment = 0x30'0000;
  EXPECT_THAT(refusal(kernel), HasSubstr("kernel_alignment"));
  kernel = {};
  kernel.header.relocatable_kernel = 0;
  kernel.header.pref_address = 0x1000;
  EXPECT_THAT(refusal(kernel), HasSubstr("below 1 MiB"));
}

TEST(Bzimage, SaysHowMuchMemoryIsMissing) {
  TestBzimage kernel;
  kernel.header.init_size = 0x300'0000;
  EXPECT_THAT(refusal(kernel, 32 * kMiB),
              AllOf(HasSubstr("48 MiB"), HasSubstr("32 MiB"), HasSubstr("more memory")));
  kernel.header.pref_address = ~0ULL - 100;
  EXPECT_THAT(refusal(kernel), HasSubstr("more memory"));
}

TEST(Bzimage, DoesNotLetInitSizeUnderstateThePayload) {
  TestBzimage kernel;
  kernel.header.init_size = 16;
  const auto memory = make_memory(64 * kMiB);
  EXPECT_EQ(load_kernel(memory, kernel.image()).memory.size, TestBzimage::kPayloadSize);
}

}  // namespace
}  // namespace hive::boot
