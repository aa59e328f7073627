#include "cellmon/firewall/page_set.h"

#include <gmock/gmock.h>

#include "tests/unit/firewall/random_pages.h"

namespace hive::firewall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kAll = ~std::uint64_t{0};

TEST(PageRange, LiesWithinWithoutWrapping) {
  EXPECT_TRUE(lies_within({0, 10}, 10));
  EXPECT_TRUE(lies_within({10, 0}, 10));
  EXPECT_TRUE(lies_within({9, 1}, 10));
  EXPECT_FALSE(lies_within({9, 2}, 10));
  EXPECT_FALSE(lies_within({11, 0}, 10));
  EXPECT_FALSE(lies_within({5, kAll}, 10));
  EXPECT_FALSE(lies_within({kAll, 1}, 10));
  EXPECT_FALSE(lies_within({kAll, kAll}, kAll - 1));
}

TEST(PageRange, PagesForBytesDoNotWrap) {
  EXPECT_EQ(pages_for(0), 0u);
  EXPECT_EQ(pages_for(1), 1u);
  EXPECT_EQ(pages_for(4096), 1u);
  EXPECT_EQ(pages_for(4097), 2u);
  EXPECT_EQ(pages_for(kAll), (kAll >> 12) + 1);
}

TEST(PageRange, AppendJoinsNeighbours) {
  PageRanges ranges;
  for (const PageRange range : {PageRange{3, 2}, {5, 1}, {6, 0}, {7, 1}, {0, 3}}) {
    append(ranges, range);
  }
  EXPECT_THAT(ranges, ElementsAre(PageRange{3, 3}, PageRange{7, 1}, PageRange{0, 3}));
  EXPECT_EQ(count_pages(ranges), 7u);
}

TEST(PageRange, MergedHasEachPageOnceInOrder) {
  const PageRanges pattern{{8, 4}, {0, 2}, {9, 1}, {30, 0}, {2, 1}, {10, 5}, {20, 1}};
  EXPECT_THAT(merged(pattern), ElementsAre(PageRange{0, 3}, PageRange{8, 7}, PageRange{20, 1}));
  EXPECT_THAT(merged({}), IsEmpty());
}

PageRanges list(const PageSet& set, PageRange range) {
  PageRanges found;
  set.list(range, found);
  return found;
}

TEST(PageSet, IsEmptyAtFirst) {
  PageSet set(10'000);
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(0));
  EXPECT_FALSE(set.contains(9'999));
  PageRanges removed;
  set.erase({0, 10'000}, removed);
  EXPECT_THAT(removed, IsEmpty());
  EXPECT_THAT(list(set, {0, 10'000}), IsEmpty());
}

TEST(PageSet, ReportsRunsAcrossWordsAndChunksAsOne) {
  constexpr std::uint64_t kChunk = PageSet::kChunkPages;
  PageSet set(3 * kChunk);
  PageRanges added;
  set.insert({60, 2 * kChunk}, added);
  EXPECT_THAT(added, ElementsAre(PageRange{60, 2 * kChunk}));
  EXPECT_EQ(set.count(), 2 * kChunk);
  EXPECT_THAT(list(set, {0, 3 * kChunk}), added);
}

TEST(PageSet, ReportsOnlyWhatIsNew) {
  PageSet set(200);
  EXPECT_TRUE(set.insert(64));
  EXPECT_FALSE(set.insert(64));
  PageRanges added;
  set.insert({62, 5}, added);
  EXPECT_THAT(added, ElementsAre(PageRange{62, 2}, PageRange{65, 2}));
  PageRanges removed;
  set.erase({0, 64}, removed);
  EXPECT_THAT(removed, ElementsAre(PageRange{62, 2}));
  EXPECT_THAT(list(set, {0, 200}), ElementsAre(PageRange{64, 3}));
}

TEST(PageSet, HoldsTheLastPageOfAnOddSize) {
  constexpr std::uint64_t kPages = PageSet::kChunkPages + 1;
  PageSet set(kPages);
  EXPECT_TRUE(set.insert(kPages - 1));
  EXPECT_TRUE(set.contains(kPages - 1));
  PageRanges all;
  set.insert({0, kPages}, all);
  EXPECT_THAT(all, ElementsAre(PageRange{0, kPages - 1}));
  EXPECT_EQ(set.count(), kPages);
}

TEST(PageSet, FindsAPageFarIntoATebibyte) {
  constexpr std::uint64_t kPages = std::uint64_t{1} << 28;
  PageSet set(kPages);
  EXPECT_TRUE(set.insert(5));
  EXPECT_TRUE(set.insert(kPages - 1));
  EXPECT_THAT(list(set, {0, kPages}), ElementsAre(PageRange{5, 1}, PageRange{kPages - 1, 1}));
  EXPECT_THAT(list(set, {6, kPages - 7}), IsEmpty());
}

class PageSetProperty : public testing::TestWithParam<std::uint64_t> {};

/// The pages of SET within RANGE.
Pages within(const Pages& set, PageRange range) {
  return {set.lower_bound(range.first), set.lower_bound(range.end())};
}

TEST_P(PageSetProperty, IsASetOfPages) {
  for (const std::uint64_t pages : {1, 63, 64, 65, 200, 4095, 4097, 3 * 4096 + 5}) {
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() << ", " << pages << " pages");
    RandomPages random(GetParam(), pages);
    PageSet set(pages);
    Pages model;
    for (int step = 0; step < 150; ++step) {
      const PageRange range = random.range();
      const Pages inside = within(model, range);
      PageRanges changed;
      switch (random.below(4)) {
        case 0: {
          const PageIndex page = random.page();
          ASSERT_EQ(set.insert(page), model.insert(page).second);
          break;
        }
        case 1: {
          Pages expected = pages_of({range});
          for (const PageIndex page : inside) expected.erase(page);
          set.insert(range, changed);
          ASSERT_EQ(pages_of(changed), expected);
          model.insert(expected.begin(), expected.end());
          break;
        }
        default:
          set.erase(range, changed);
          ASSERT_EQ(pages_of(changed), inside);
          for (const PageIndex page : inside) model.erase(page);
      }
      const PageRange window = random.range();
      ASSERT_EQ(pages_of(list(set, window)), within(model, window));
      ASSERT_EQ(set.count(), model.size());
      const PageIndex page = random.page();
      ASSERT_EQ(set.contains(page), model.contains(page));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PageSetProperty, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace hive::firewall
