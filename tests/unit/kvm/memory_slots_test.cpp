#include "vmm/kvm/memory_slots.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "vmm/base/units.h"

namespace hive::kvm {
namespace {

using memory::MemoryRegion;

constexpr std::uint64_t kPages = 8;
constexpr std::uint64_t kGuest = 0x1'0000'0000;

struct Wanted {
  std::uint64_t first;      ///< Page within the region.
  std::uint64_t count;      ///< Pages.
  const std::byte* memory;  ///< What the guest finds there.
  bool read_only = false;
};

class SubstitutesTest : public ::testing::Test {
 protected:
  std::byte* page(std::uint64_t index) { return memory_.data() + index * kPageSize; }
  std::byte* copy(std::uint64_t index) { return copies_.data() + index * kPageSize; }

  void expect(const std::vector<Substitute>& substitutes, const std::vector<Wanted>& wanted) {
    const auto pieces =
        with_substitutes({{kGuest, kPages * kPageSize}, page(0)}, substitutes, cuts_);
    ASSERT_EQ(pieces.size(), wanted.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const MemoryRegion& region = pieces[i].region;
      EXPECT_EQ(region.guest.start, kGuest + wanted[i].first * kPageSize) << i;
      EXPECT_EQ(region.guest.size, wanted[i].count * kPageSize) << i;
      EXPECT_EQ(region.host, wanted[i].memory) << i;
      EXPECT_EQ(pieces[i].read_only, wanted[i].read_only) << i;
    }
  }

  std::vector<const std::byte*> cuts_;
  std::vector<std::byte> memory_ = std::vector<std::byte>(kPages * kPageSize);
  std::vector<std::byte> copies_ = std::vector<std::byte>(kPages * kPageSize);
};

TEST_F(SubstitutesTest, LeaveARegionWholeWhereThereAreNone) { expect({}, {{0, 8, page(0)}}); }

TEST_F(SubstitutesTest, OfOtherMemoryChangeNothing) {
  expect({{copy(3), page(0)}, {page(0) + kPages * kPageSize, copy(0)}}, {{0, 8, page(0)}});
}

TEST_F(SubstitutesTest, TakeAPageOutOfTheMiddle) {
  expect({{page(3), copy(0)}}, {{0, 3, page(0)}, {3, 1, copy(0)}, {4, 4, page(4)}});
}

TEST_F(SubstitutesTest, LeaveTheRestCutAsItWas) {
  cuts_ = {page(0), page(2), page(4), page(4), page(6), page(0) + kPages * kPageSize};
  expect({}, {{0, 2, page(0)}, {2, 2, page(2)}, {4, 2, page(4)}, {6, 2, page(6)}});
  expect({{page(4), copy(0), 2 * kPageSize}},
         {{0, 2, page(0)}, {2, 2, page(2)}, {4, 2, copy(0)}, {6, 2, page(6)}});
  expect({{page(3), copy(0)}},
         {{0, 2, page(0)}, {2, 1, page(2)}, {3, 1, copy(0)}, {4, 2, page(4)}, {6, 2, page(6)}});
}

TEST_F(SubstitutesTest, AreNotCut) {
  cuts_ = {page(4)};
  expect({{page(3), copy(0), 2 * kPageSize}}, {{0, 3, page(0)}, {3, 2, copy(0)}, {5, 3, page(5)}});
}

TEST_F(SubstitutesTest, TakeTheEdges) {
  expect({{page(7), copy(0)}, {page(0), copy(1)}},
         {{0, 1, copy(1)}, {1, 6, page(1)}, {7, 1, copy(0)}});
}

TEST_F(SubstitutesTest, TakeNeighboursInAnyOrder) {
  expect({{page(5), copy(1)}, {page(4), copy(0)}},
         {{0, 4, page(0)}, {4, 1, copy(0)}, {5, 1, copy(1)}, {6, 2, page(6)}});
}

TEST_F(SubstitutesTest, TakeEveryPage) {
  std::vector<Substitute> all;
  std::vector<Wanted> wanted;
  for (std::uint64_t i = 0; i < kPages; ++i) {
    all.push_back({page(i), copy(i)});
    wanted.push_back({i, 1, copy(i)});
  }
  expect(all, wanted);
}

TEST_F(SubstitutesTest, TakeSeveralPagesEach) {
  expect({{page(6), copy(0), 2 * kPageSize, true}, {page(1), copy(4), 3 * kPageSize}},
         {{0, 1, page(0)}, {1, 3, copy(4)}, {4, 2, page(4)}, {6, 2, copy(0), true}});
}

TEST_F(SubstitutesTest, EndWithTheRegion) {
  expect({{page(7), copy(0), 4 * kPageSize}}, {{0, 7, page(0)}, {7, 1, copy(0)}});
}

}  // namespace
}  // namespace hive::kvm
