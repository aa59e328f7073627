#include "vmm/dump/mappings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/base/units.h"

namespace hive::dump {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kRoot = 0x1000;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLarge = 0x80;
constexpr std::uint64_t kNoExecute = 1ULL << 63;

/// RAM from 0 to 8 MiB and from 16 MiB to 20 MiB, with page tables.
class Mappings : public testing::Test {
 protected:
  void set(std::uint64_t table, unsigned index, std::uint64_t entry) {
    ASSERT_TRUE(memory_.store({table + index * 8}, entry));
  }
  /// The mappings of a vCPU in the kernel.
  [[nodiscard]] std::vector<Mapping> found(std::uint64_t root = kRoot) const {
    return kernel_mappings(memory_, std::vector{cpu(root)});
  }
  static Cpu cpu(std::uint64_t root, std::uint8_t privilege = 0) {
    Cpu cpu;
    cpu.sregs.cr0 = 0x8000'0001;
    cpu.sregs.cr3 = root;
    cpu.sregs.efer = 0x500;
    cpu.sregs.cs.dpl = privilege;
    return cpu;
  }

  memory::GuestMemory memory_{12 * kMiB, {8 * kMiB, 8 * kMiB}, memory::Backing::kSmallPages};
};

TEST_F(Mappings, JoinsWhatIsAdjacent) {
  set(kRoot, 511, 0x2000 | kPresent);
  set(0x2000, 510, 0x3000 | kPresent);  // 0xffffffff80000000
  set(0x3000, 8, 2 * kMiB | kLarge | kPresent);
  set(0x3000, 9, 4 * kMiB | kLarge | kPresent | kNoExecute);
  set(0x3000, 10, 0x4000 | kPresent);
  set(0x4000, 0, 6 * kMiB | kPresent);
  set(0x4000, 1, (6 * kMiB + kPageSize) | kPresent | kNoExecute);
  set(0x4000, 2, 0x7000 | kPresent);
  set(0x4000, 4, 0x8000 | kPresent);
  EXPECT_THAT(found(),
              ElementsAre(Mapping{0xffff'ffff'8100'0000, 2 * kMiB, 4 * kMiB + 2 * kPageSize},
                          Mapping{0xffff'ffff'8140'2000, 0x7000, kPageSize},
                          Mapping{0xffff'ffff'8140'4000, 0x8000, kPageSize}));
}

TEST_F(Mappings, HasWhatOfALargePageIsRam) {
  set(kRoot, 273, 0x2000 | kPresent);
  set(0x2000, 0, 0 | kLarge | kPresent);  // The first GiB.
  EXPECT_THAT(found(), ElementsAre(Mapping{0xffff'8880'0000'0000, 0, 8 * kMiB},
                                   Mapping{0xffff'8880'0100'0000, 16 * kMiB, 4 * kMiB}));
}

TEST_F(Mappings, LeavesTheLowerHalfToPrograms) {
  set(kRoot, 0, 0x2000 | kPresent);
  set(kRoot, 255, 0x2000 | kPresent);
  set(0x2000, 0, 0 | kLarge | kPresent);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Mappings, FollowsFiveLevels) {
  set(kRoot, 511, 0x2000 | kPresent);
  set(0x2000, 511, 0x3000 | kPresent);
  set(0x3000, 510, 0x4000 | kPresent);
  set(0x4000, 8, 2 * kMiB | kLarge | kPresent);
  Cpu five = cpu(kRoot);
  five.sregs.cr4 = 1 << 12;
  EXPECT_THAT(kernel_mappings(memory_, std::vector{five}),
              ElementsAre(Mapping{0xffff'ffff'8100'0000, 2 * kMiB, 2 * kMiB}));
}

TEST_F(Mappings, TakesTheTablesOfAVcpuInTheKernel) {
  set(kRoot, 511, 0x2000 | kPresent);
  set(0x2000, 0, 0 | kLarge | kPresent);
  EXPECT_EQ(kernel_mappings(memory_, std::vector{cpu(0x5000, 3), cpu(kRoot)}).size(), 2U);
  EXPECT_EQ(kernel_mappings(memory_, std::vector{cpu(kRoot, 3)}).size(), 2U) << "there is no other";
  EXPECT_THAT(kernel_mappings(memory_, std::vector{Cpu()}), IsEmpty()) << "no long mode";
  EXPECT_THAT(kernel_mappings(memory_, {}), IsEmpty());
}

TEST_F(Mappings, EndsWithTablesThatLeadToThemselvesOrNowhere) {
  for (unsigned index = 256; index < 512; ++index) set(kRoot, index, kRoot | kPresent);
  EXPECT_THAT(found(), IsEmpty());
  for (unsigned index = 256; index < 512; ++index) set(kRoot, index, 0x2000 | kPresent);
  for (unsigned index = 0; index < 512; ++index) {
    set(0x2000, index, (index % 2 == 0 ? kRoot : 9 * kMiB) | kPresent);
  }
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(found(9 * kMiB), IsEmpty()) << "no RAM";
  EXPECT_THAT(found(0x000f'ffff'ffff'f000), IsEmpty());
}

TEST_F(Mappings, AreTheLongestWhereThereAreTooMany) {
  // Tables from 2 MiB on, whose pages are each mapped in reverse: none is adjacent to the next.
  constexpr std::uint64_t kTables = 2 * kMiB;
  set(kRoot, 511, 0x2000 | kPresent);
  set(0x2000, 0, 0x3000 | kPresent);
  constexpr unsigned kCount = 100;
  for (unsigned table = 0; table < kCount; ++table) {
    set(0x3000, table, (kTables + table * kPageSize) | kPresent);
    for (unsigned index = 0; index < 512; ++index) {
      set(kTables + table * kPageSize, index, (7 * kMiB - index * kPageSize) | kPresent);
    }
  }
  set(0x3000, 200, 4 * kMiB | kLarge | kPresent);
  const auto all = found();
  EXPECT_EQ(all.size(), kMaxMappings);
  EXPECT_EQ(all.back().size, 2 * kMiB);
  for (std::size_t index = 1; index < all.size(); ++index) {
    ASSERT_LT(all[index - 1].virtual_address, all[index].virtual_address);
  }
}

}  // namespace
}  // namespace hive::dump
