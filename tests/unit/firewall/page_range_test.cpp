#include "cellmon/firewall/page_range.h"

#include <gtest/gtest.h>

namespace hive::firewall {
namespace {

bool always(const PageRange& /*between*/) { return true; }

TEST(JoinedRanges, AreOneWhereTheyAreNear) {
  EXPECT_TRUE(joined({}, 4, always).empty());
  EXPECT_EQ(joined({{0, 1}, {2, 1}, {4, 1}}, 1, always), (PageRanges{{0, 5}}));
  EXPECT_EQ(joined({{0, 2}, {6, 1}, {12, 1}}, 4, always), (PageRanges{{0, 7}, {12, 1}}));
  EXPECT_EQ(joined({{0, 2}, {2, 3}}, 0, always), (PageRanges{{0, 5}}));
}

TEST(JoinedRanges, LeaveAloneWhatMayNotBeIncluded) {
  PageRanges asked;
  const auto but_page_three = [&](const PageRange& between) {
    asked.push_back(between);
    return between.first != 3;
  };
  EXPECT_EQ(joined({{0, 1}, {2, 1}, {4, 2}, {6, 1}, {9, 1}}, 4, but_page_three),
            (PageRanges{{0, 3}, {4, 6}}));
  EXPECT_EQ(asked, (PageRanges{{1, 1}, {3, 1}, {7, 2}}));
}

TEST(JoinedRanges, StayAsTheyAreWhereTheyDoNotAscend) {
  const PageRanges ranges{{10, 1}, {8, 1}, {8, 2}};
  EXPECT_EQ(joined(ranges, 4, always), ranges);
}

TEST(RangesWithout, LeaveTheHolesOut) {
  const PageRanges ranges{{0, 10}, {20, 10}};
  EXPECT_EQ(without(ranges, {}), ranges);
  EXPECT_EQ(without({}, ranges), PageRanges());
  EXPECT_EQ(without(ranges, {{10, 10}, {30, 5}}), ranges);
  EXPECT_EQ(without(ranges, {{0, 1}, {3, 2}, {8, 14}, {29, 9}}),
            (PageRanges{{1, 2}, {5, 3}, {22, 7}}));
  EXPECT_EQ(without(ranges, {{0, 30}}), PageRanges());
}

}  // namespace
}  // namespace hive::firewall
