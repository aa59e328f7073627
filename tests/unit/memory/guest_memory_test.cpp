#include "vmm/memory/guest_memory.h"

#include <gtest/gtest.h>

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
