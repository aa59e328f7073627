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

}  // namespace
}  // namespace hive::firewall
