#include "vmm/memory/all_ones.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "vmm/base/units.h"

namespace hive::memory {
namespace {

constexpr std::byte kOnes{0xff};

std::uint64_t resident_pages() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  file >> size >> resident >> shared;
  return shared;
}

TEST(AllOnes, IsAllOnesOnceFilled) {
  AllOnes ones(5 * kMiB);
  EXPECT_EQ(ones.base()[0], std::byte{0});
  ones.fill();
  ones.fill();
  EXPECT_EQ(ones.size(), 5 * kMiB);
  EXPECT_TRUE(std::all_of(ones.base(), ones.base() + ones.size(),
                          [](std::byte each) { return each == kOnes; }));
}

TEST(AllOnes, KnowsItsPlaces) {
  const AllOnes ones(2 * kMiB);
  EXPECT_TRUE(ones.contains(ones.base()));
  EXPECT_TRUE(ones.contains(ones.base() + 2 * kMiB - 1));
  EXPECT_FALSE(ones.contains(ones.base() + 2 * kMiB));
  EXPECT_FALSE(ones.contains(nullptr));
}

TEST(AllOnes, MayBeNothing) {
  AllOnes ones(0);
  ones.fill();
  EXPECT_EQ(ones.base(), nullptr);
  EXPECT_FALSE(ones.contains(nullptr));
}

TEST(AllOnes, TakesLittleMemoryHoweverLongItIs) {
  AllOnes ones(64 * kGiB);
  ones.fill();
  const std::uint64_t before = resident_pages();
  for (std::uint64_t place = 0; place < ones.size(); place += 4 * kGiB) {
    EXPECT_EQ(ones.base()[place], kOnes);
  }
  EXPECT_EQ(ones.base()[ones.size() - 1], kOnes);
  EXPECT_LT(resident_pages() - before, 64 * kMiB / kPageSize);
}

TEST(AllOnesDeathTest, CannotBeWritten) {
  AllOnes ones(2 * kMiB);
  ones.fill();
  EXPECT_DEATH(*static_cast<volatile std::byte*>(ones.base()) = std::byte{0}, "");
}

}  // namespace
}  // namespace hive::memory
