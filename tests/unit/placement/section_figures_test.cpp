// Which of its sections a home tells of.
#include "cellmon/placement/section_figures.h"

#include <gtest/gtest.h>

#include <iterator>
#include <limits>

namespace hive::placement {
namespace {

TEST(HomeUses, AddsUpWhatCellsSayOfTheHome) {
  HomeUses uses(CellId{1});
  hive_state_uses page{};
  page.list[0] = {1, 7, 5, 0};
  page.list[1] = {2, 7, 100, 0};
  page.list[2] = {1, 0, 100, 0};
  page.list[31] = {1, 8, 1, 0};
  uses.add(page);
  page = {};
  page.list[4] = {1, 7, std::numeric_limits<std::uint32_t>::max(), 0};
  uses.add(page);
  EXPECT_EQ(uses.of(7), 5ULL + std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(uses.of(8), 1U);
  EXPECT_EQ(uses.of(0), 0U);
  EXPECT_EQ(uses.of(9), 0U);
}

TEST(MostUsed, TellsOfAllWhereThereAreFew) {
  const hive_state_sections table =
      most_used({{3, 10, false}, {2, 1ULL << 40, true}}, HomeUses(CellId{0}));
  EXPECT_EQ(table.list[0].number, 2U) << "used alike: by number";
  EXPECT_EQ(table.list[0].pages, std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(table.list[0].moving, 1U);
  EXPECT_EQ(table.list[1].number, 3U);
  EXPECT_EQ(table.list[1].pages, 10U);
  EXPECT_EQ(table.list[1].moving, 0U);
  EXPECT_EQ(table.list[2].number, 0U);
}

TEST(MostUsed, LeavesOutThoseThatAreUsedLeast) {
  HomeUses uses(CellId{0});
  hive_state_uses page{};
  page.list[0] = {0, 40, 9, 0};
  page.list[1] = {0, 39, 10, 0};
  uses.add(page);
  std::vector<SectionFigures> sections;
  for (std::uint32_t number = 1; number <= 40; ++number) sections.push_back({number, 1, false});
  const hive_state_sections table = most_used(sections, uses);
  EXPECT_EQ(table.list[0].number, 39U);
  EXPECT_EQ(table.list[1].number, 40U);
  for (unsigned i = 2; i < std::size(table.list); ++i) EXPECT_EQ(table.list[i].number, i - 1);
}

}  // namespace
}  // namespace hive::placement
