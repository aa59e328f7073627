// What a monitor makes of its guest's word on which sections it uses.
#include "cellmon/placement/use_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace hive::placement {
namespace {

constexpr CellId kHome{1};
constexpr Time kStart = 5'000'000'000;

class UseCountsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::uint32_t rate(std::uint32_t number, Time now) {
    hive_state_uses uses{};
    counts_.fill(uses, now);
    const auto* found =
        std::find_if(std::begin(uses.list), std::end(uses.list), [&](const hive_state_use& use) {
          return use.home == static_cast<std::uint32_t>(kHome) && use.section == number;
        });
    return found == std::end(uses.list) ? 0 : found->uses;
  }

  UseCounts counts_;
};

TEST_F(UseCountsTest, TellsUsesASecondOfTheLastWindow) {
  counts_.note(kHome, 7, 4'000, kStart);
  counts_.note(kHome, 8, 1, kStart);
  counts_.note(CellId{2}, 7, 9'000, kStart);
  EXPECT_EQ(rate(7, kStart + UseCounts::kWindow - 1), 0U) << "it is not over";
  EXPECT_EQ(rate(7, kStart + UseCounts::kWindow), 2'000U);
  EXPECT_EQ(rate(8, kStart + UseCounts::kWindow), 0U) << "less than once a second";
  counts_.note(kHome, 7, 1'000, kStart + UseCounts::kWindow);
  EXPECT_EQ(rate(7, kStart + 2 * UseCounts::kWindow - 1), 2'000U);
  EXPECT_EQ(rate(7, kStart + 2 * UseCounts::kWindow), 500U);
}

TEST_F(UseCountsTest, CountsOverTheWholeTimeWhereNobodyLooked) {
  counts_.note(kHome, 7, 4'000, kStart);
  EXPECT_EQ(rate(7, kStart + 4 * UseCounts::kWindow), 500U);
}

TEST_F(UseCountsTest, ForgetsWhatIsNotUsedForAWindow) {
  counts_.note(kHome, 7, 4'000, kStart);
  EXPECT_EQ(rate(7, kStart + UseCounts::kWindow), 2'000U);
  EXPECT_EQ(rate(7, kStart + 2 * UseCounts::kWindow), 0U);
  EXPECT_EQ(rate(7, kStart + 9 * UseCounts::kWindow), 0U);
}

TEST_F(UseCountsTest, KeepsThoseThatAreUsedMost) {
  for (std::uint32_t number = 1; number <= 2 * UseCounts::kMost; ++number) {
    counts_.note(kHome, number, 100 * number, kStart);
  }
  for (std::uint32_t number = 1; number <= 2 * UseCounts::kMost; ++number) {
    EXPECT_EQ(rate(number, kStart + UseCounts::kWindow),
              number <= UseCounts::kMost ? 0 : 50 * number);
  }
  counts_.note(kHome, 1, 1, kStart + UseCounts::kWindow);
  EXPECT_EQ(rate(UseCounts::kMost + 1, kStart + UseCounts::kWindow), 50 * (UseCounts::kMost + 1))
      << "one that is used less takes nobody's place";
}

TEST_F(UseCountsTest, TakesAnyWord) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  counts_.note(kHome, 0, 5, kStart);
  counts_.note(kHome, 1, 0, kStart);
  counts_.note(kHome, 2, kMost, kStart);
  counts_.note(kHome, 2, kMost, kStart);
  hive_state_uses uses{};
  counts_.fill(uses, kStart + UseCounts::kWindow);
  EXPECT_EQ(uses.list[0].section, 2U);
  EXPECT_EQ(uses.list[0].uses, std::numeric_limits<std::uint32_t>::max() / 2);
  EXPECT_EQ(uses.list[1].section, 0U);
  counts_.note(kHome, 3, 1, kStart) /* a clock that goes back */;
  counts_.clear();
  counts_.fill(uses, kStart + 9 * UseCounts::kWindow);
  EXPECT_EQ(uses.list[0].section, 0U);
}

}  // namespace
}  // namespace hive::placement
