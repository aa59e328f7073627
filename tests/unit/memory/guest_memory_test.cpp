#include "vmm/memory/guest_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
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
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd source(ends[0]);
  const UniqueFd sink(ends[1]);
  for (const std::uint64_t size : {kMiB, 8 * kMiB, 12 * kMiB}) {
    const GuestMemory memory(size, kHole, Backing::kSmallPages);
    const Range span = memory.span();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.regions()[0].host), span.start);
    EXPECT_GE(span.size, size);
    EXPECT_TRUE(std::has_single_bit(span.size));
    EXPECT_EQ(span.start % span.size, 0U);
    // What lies behind the RAM, and within reach of one release, can be read by nobody.
    for (std::uint64_t at = size; at < span.size + GuestMemory::kMostReleased; at += kMiB) {
      EXPECT_EQ(::write(sink.get(), reinterpret_cast<void*>(span.start + at), 1), -1) << at;
      EXPECT_EQ(errno, EFAULT);
    }
  }
}

TEST(GuestMemory, GivesMemoryBack) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  const auto fill = [&](std::uint64_t at) { ASSERT_TRUE(memory.store({at}, ~std::uint64_t{0})); };
  for (const std::uint64_t at : {kPageSize, 2 * kPageSize, 5 * kMiB, 6 * kMiB}) fill(at);
  EXPECT_TRUE(memory.release(2 * kPageSize, 6 * kMiB - 2 * kPageSize)) << "by more than one call";
  EXPECT_EQ(memory.load<std::uint64_t>({kPageSize}), ~std::uint64_t{0});
  EXPECT_EQ(memory.load<std::uint64_t>({2 * kPageSize}), 0U);
  EXPECT_EQ(memory.load<std::uint64_t>({5 * kMiB}), 0U);
  EXPECT_EQ(memory.load<std::uint64_t>({6 * kMiB}), ~std::uint64_t{0});
  fill(5 * kMiB);
  EXPECT_EQ(memory.load<std::uint64_t>({5 * kMiB}), ~std::uint64_t{0});
  EXPECT_FALSE(memory.release(12 * kMiB - kPageSize, 2 * kPageSize)) << "not wholly RAM";
  EXPECT_FALSE(memory.release(~std::uint64_t{0}, 2 * kPageSize));
}

TEST(GuestMemory, TellsThatTheHostKeepsMemory) {
  const GuestMemory memory(12 * kMiB, kHole, Backing::kSmallPages);
  ASSERT_TRUE(memory.store({5 * kMiB}, ~std::uint64_t{0}));
  std::byte* locked = memory.regions()[0].host + 5 * kMiB;
  ASSERT_EQ(::syscall(SYS_mlock, locked, kPageSize), 0);
  EXPECT_FALSE(memory.release(5 * kMiB, kPageSize));
  EXPECT_FALSE(memory.release(4 * kMiB, 4 * kMiB)) << "some of it";
  EXPECT_EQ(memory.load<std::uint64_t>({5 * kMiB}), ~std::uint64_t{0});
  ASSERT_EQ(::syscall(SYS_munlock, locked, kPageSize), 0);
  EXPECT_TRUE(memory.release(5 * kMiB, kPageSize));
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

class SpareMemory : public testing::Test {
 protected:
  static constexpr Range kSpare{64 * kMiB, 8 * kMiB};
  static constexpr std::uint64_t kBlock = GuestMemory::kSpareBlock;
  GuestMemory memory_{12 * kMiB, kHole, Backing::kSmallPages, kSpare};
};

TEST_F(SpareMemory, LiesBehindTheRam) {
  EXPECT_EQ(memory_.size(), 12 * kMiB);
  EXPECT_EQ(memory_.capacity(), 20 * kMiB);
  EXPECT_EQ(memory_.regions().size(), 2U);
  ASSERT_EQ(memory_.all_regions().size(), 3U);
  EXPECT_EQ(memory_.all_regions()[2].guest, kSpare);
  EXPECT_EQ(memory_.spare().host, memory_.regions()[0].host + 12 * kMiB);
  EXPECT_EQ(memory_.span().size, 32 * kMiB) << "as a sandbox is told where it may give back";
}

TEST_F(SpareMemory, IsMemoryForAsLongAsItIsPluggedIn) {
  const GuestAddress place{kSpare.start + kBlock};
  EXPECT_FALSE(memory_.store(place, 7)) << "not plugged in";
  memory_.plug({place.value, 2 * kBlock});
  EXPECT_TRUE(memory_.store(place, 7));
  EXPECT_TRUE(memory_.window(place, 2 * kBlock)) << "across blocks";
  EXPECT_FALSE(memory_.window(place, 2 * kBlock + 1));
  EXPECT_FALSE(memory_.window({place.value - 1}, 2));
  EXPECT_FALSE(memory_.window({kSpare.end() - 1}, 2));
  EXPECT_FALSE(memory_.window({kSpare.end()}, 0));
  EXPECT_FALSE(memory_.window(place, ~std::uint64_t{0}));
  EXPECT_TRUE(memory_.unplug({place.value, kBlock}));
  EXPECT_FALSE(memory_.load<int>(place));
  EXPECT_FALSE(memory_.window({place.value}, 0));
  memory_.plug({place.value, kBlock});
  EXPECT_EQ(memory_.load<int>(place), 0) << "it was given back meanwhile";
}

TEST_F(SpareMemory, GoesBackToTheHost) {
  const auto blocks = [&] {
    struct stat status {};
    EXPECT_EQ(::fstat(memory_.file(), &status), 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  };
  const std::uint64_t before = blocks();
  memory_.plug(kSpare);
  const auto all = memory_.window({kSpare.start}, kSpare.size);
  ASSERT_TRUE(all);
  std::memset(all->data(), 1, all->size());
  EXPECT_EQ(blocks() - before, kSpare.size);
  EXPECT_TRUE(memory_.unplug({kSpare.start + kBlock, kSpare.size - kBlock}));
  EXPECT_EQ(blocks() - before, kBlock);
}

TEST_F(SpareMemory, SaysWhereTheHostCannotHaveItBack) {
  const Range block{kSpare.start, kBlock};
  memory_.plug(block);
  ASSERT_TRUE(memory_.store({block.start}, 7));
  ASSERT_EQ(::syscall(SYS_mlock, memory_.spare().host, 4096),
            0);  // madvise(2): not where it is locked.
  EXPECT_FALSE(memory_.unplug(block));
  EXPECT_FALSE(memory_.load<int>({block.start})) << "it is out all the same";
  ASSERT_EQ(::syscall(SYS_munlock, memory_.spare().host, 4096), 0);
  EXPECT_TRUE(memory_.unplug(block)) << "once more";
  memory_.plug(block);
  EXPECT_EQ(memory_.load<int>({block.start}), 0);
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
