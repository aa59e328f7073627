#include "vmm/memory/guest_memory.h"

#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::memory {
namespace {

constexpr Range kHole{8 * kMiB, 16 * kMiB};

TEST(GuestMemory, SplitsAroundTheHole) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  ASSERT_EQ(memory.regions().size(), 2U);
  EXPECT_EQ(memory.regions()[0].guest, (Range{0, 8 * kMiB}));
  EXPECT_EQ(memory.regions()[1].guest, (Range{24 * kMiB, 4 * kMiB}));
}

TEST(GuestMemory, StaysBelowTheHoleWhenItFits) {
  const GuestMemory memory(8 * kMiB, kHole, Backing::kAutomatic);
  ASSERT_EQ(memory.regions().size(), 1U);
  EXPECT_EQ(memory.regions()[0].guest, (Range{0, 8 * kMiB}));
}

TEST(GuestMemory, HasAPowerOfTwoOfAddressSpaceToItself) {
  for (const std::uint64_t size : {kMiB, 8 * kMiB, 12 * kMiB}) {
    const GuestMemory memory(size, kHole, Backing::kSmallPages);
    const Range span = memory.span();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.regions()[0].host), span.start);
    EXPECT_GE(span.size, size);
    EXPECT_TRUE(std::has_single_bit(span.size));
    EXPECT_EQ(span.start % span.size, 0U);
    // What lies behind the RAM, and within reach of one release, can be read by nobody.
    for (std::uint64_t at = size; at < span.size + GuestMemory::kMostReleased; at += kMiB) {
      unsigned char byte = 0;
      iovec into{&byte, 1};
      iovec from{reinterpret_cast<void*>(span.start + at), 1};
      EXPECT_EQ(::process_vm_readv(::getpid(), &into, 1, &from, 1, 0), -1) << at;
      EXPECT_EQ(errno, EFAULT);
    }
  }
}

TEST(GuestMemory, GivesMemoryBack) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  const auto fill = [&](std::uint64_t at) { ASSERT_TRUE(memory.store({at}, ~std::uint64_t{0})); };
  for (const std::uint64_t at : {kPageSize, 2 * kPageSize, 5 * kMiB, 6 * kMiB}) fill(at);
  memory.release(2 * kPageSize, 6 * kMiB - 2 * kPageSize);  // By more than one call.
  EXPECT_EQ(memory.load<std::uint64_t>({kPageSize}), ~std::uint64_t{0});
  EXPECT_EQ(memory.load<std::uint64_t>({2 * kPageSize}), 0U);
  EXPECT_EQ(memory.load<std::uint64_t>({5 * kMiB}), 0U);
  EXPECT_EQ(memory.load<std::uint64_t>({6 * kMiB}), ~std::uint64_t{0});
  fill(5 * kMiB);
  EXPECT_EQ(memory.load<std::uint64_t>({5 * kMiB}), ~std::uint64_t{0});
  memory.release(12 * kMiB - kPageSize, 2 * kPageSize);  // Not wholly RAM.
  memory.release(~std::uint64_t{0}, 2 * kPageSize);
}

TEST(GuestMemory, StoresAndLoads) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  const GuestAddress high{24 * kMiB + 100};
  EXPECT_TRUE(memory.store(high, std::uint32_t{0xfeedf00d}));
  EXPECT_EQ(memory.load<std::uint32_t>(high), 0xfeedf00dU);
}

TEST(GuestMemory, RefusesWhatIsNotWhollyRam) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  EXPECT_EQ(memory.load<std::uint32_t>({8 * kMiB - 2}), std::nullopt);
  EXPECT_EQ(memory.load<std::uint32_t>({10 * kMiB}), std::nullopt);
  EXPECT_FALSE(memory.store({28 * kMiB - 1}, std::uint16_t{1}));
  EXPECT_FALSE(memory.store({~0ULL}, std::uint16_t{1}));
  EXPECT_EQ(memory.window({0}, ~0ULL), std::nullopt);
  EXPECT_NE(memory.window({0}, 8 * kMiB), std::nullopt);
}

TEST(GuestMemory, SaysHowToGetHugePagesThatAreMissing) {
  try {
    const GuestMemory memory(1ULL << 46, {1ULL << 47, 1}, Backing::kHugePages);
    FAIL() << "the host has 64 TiB of reserved pages";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("guest memory"), std::string::npos);
  }
}

}  // namespace
}  // namespace hive::memory
