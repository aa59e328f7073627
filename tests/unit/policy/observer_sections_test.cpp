// What views have of sections, whatever pages say.
#include <gtest/gtest.h>

#include <iterator>
#include <limits>

#include "policy/observer.h"
#include "policy/policy.h"
#include "tests/support/state_pages.h"

namespace hive::policy {
namespace {

using test::state_page;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNow = 1'000 * kSecond;
constexpr Cell kCells = 3;

/// Three cells whose pages are written twice, and read.
class SectionsSeen : public ::testing::Test {
 protected:
  SectionsSeen() {
    for (Cell cell = 0; cell < kCells; ++cell) {
      pages_[cell].sections.time_ns = pages_[cell].uses.time_ns = kNow;
    }
  }

  const View& show() {
    for (const std::uint64_t time : {kNow - kSecond, kNow}) {
      for (Cell cell = 0; cell < kCells; ++cell) {
        hive_state_page page = state_page(cell, time, 0, 50);
        page.sections = pages_[cell].sections;
        page.sections_turn = pages_[cell].sections_turn;
        page.uses = pages_[cell].uses;
        page.uses_turn = pages_[cell].uses_turn;
        page.epoch = pages_[cell].epoch;
        page.shares.unused_blocks = 50;
        StateReading reading;
        observer_.see(cell, read_state_page(page, cell, reading) ? &reading : nullptr);
      }
    }
    observer_.show({kNow, 1, 4}, view_);
    return view_;
  }

  std::array<hive_state_page, kCells> pages_{state_page(0), state_page(1), state_page(2)};
  Observer observer_;
  View view_;
};

TEST_F(SectionsSeen, AreThoseOfAllHomesWithAllUses) {
  pages_[0].sections.list[0] = {7, 512, 0, 0};
  pages_[0].sections.list[1] = {8, 513, 1, 0};
  pages_[1].sections.list[31] = {7, 1, 0, 0};
  pages_[0].uses.list[0] = {0, 7, 5, 0};
  pages_[2].uses.list[0] = {0, 7, 6, 0};
  pages_[2].uses.list[9] = {1, 7, 8, 0};
  const View& view = show();
  ASSERT_EQ(view.section_count, 3U);
  EXPECT_EQ(view.sections[0].home, 0U);
  EXPECT_EQ(view.sections[0].number, 7U);
  EXPECT_EQ(view.sections[0].blocks, 1U);
  EXPECT_FALSE(view.sections[0].moving);
  EXPECT_EQ(view.sections[0].uses[0], 5U);
  EXPECT_EQ(view.sections[0].uses[1], 0U);
  EXPECT_EQ(view.sections[0].uses[2], 6U);
  EXPECT_EQ(view.sections[1].blocks, 2U) << "rounded up";
  EXPECT_TRUE(view.sections[1].moving);
  EXPECT_EQ(view.sections[2].home, 1U);
  EXPECT_EQ(view.sections[2].uses[2], 8U);
}

TEST_F(SectionsSeen, LeaveOutWhatIsNone) {
  pages_[0].sections.list[0] = {0, 5, 0, 0};
  pages_[0].sections.list[1] = {1, 0, 0, 0};
  pages_[0].sections.list[2] = {2, 5, 2, 0};
  pages_[0].sections.list[3] = {3, 5, 0, 0};
  pages_[0].sections.list[4] = {3, 700, 0, 0};
  pages_[1].uses.list[0] = {~0U, 3, 5, 0};
  pages_[1].uses.list[1] = {0, 3, ~0U, 0};
  pages_[1].uses.list[2] = {0, 3, 9, 0};
  const View& view = show();
  ASSERT_EQ(view.section_count, 1U) << "no number, no pages, a way of moving that is none, twice";
  EXPECT_EQ(view.sections[0].number, 3U);
  EXPECT_EQ(view.sections[0].blocks, 1U) << "the first word counts";
  EXPECT_EQ(view.sections[0].uses[1], ~0U) << "does not wrap";
}

TEST_F(SectionsSeen, LeaveOutWhatIsStaleOrOfTheFutureOrTornOrOfNoLiveCell) {
  for (Cell cell = 0; cell < kCells; ++cell) {
    pages_[cell].sections.list[0] = {1, 1, 0, 0};
    pages_[cell].uses.list[0] = {2, 1, 5, 0};
  }
  pages_[0].sections.time_ns = kNow - kSectionsStale - 1;
  pages_[1].sections.time_ns = kNow + 1;
  pages_[0].uses.time_ns = 0;
  pages_[1].uses_turn = 1;
  const View& view = show();
  ASSERT_EQ(view.section_count, 1U);
  EXPECT_EQ(view.sections[0].home, 2U);
  EXPECT_EQ(view.sections[0].uses[0], 0U);
  EXPECT_EQ(view.sections[0].uses[1], 0U);
  EXPECT_EQ(view.sections[0].uses[2], 5U);
  pages_[2].epoch = 2;
  EXPECT_EQ(show().section_count, 0U);
}

TEST_F(SectionsSeen, AreTheMostUsedOnesWhereThereAreMany) {
  for (Cell cell = 0; cell < kCells; ++cell) {
    for (unsigned i = 0; i < HIVE_STATE_SECTIONS; ++i) {
      pages_[cell].sections.list[i] = {i + 1, 1, 0, 0};
      pages_[cell].uses.list[i] = {2, i + 1, 1'000, 0};
    }
  }
  pages_[0].uses.list[0] = {0, 5, 5'000, 0};
  const View& view = show();
  ASSERT_EQ(view.section_count, View::kMaxSections);
  unsigned of_first = 0;
  for (const SectionView& section : view.sections) {
    if (section.home == 2) continue;
    ++of_first;
    EXPECT_EQ(section.home, 0U);
    EXPECT_EQ(section.number, 5U);
    EXPECT_EQ(section.uses[0], 5'000U);
    EXPECT_EQ(section.uses[2], 0U) << "nothing is left of whose place it took";
  }
  EXPECT_EQ(of_first, 1U);
}

TEST_F(SectionsSeen, LetPlacementAdviseAMove) {
  pages_[0].sections.list[0] = {7, 512, 0, 0};
  pages_[2].uses.list[0] = {0, 7, 2'000, 0};
  Hints hints;
  find("placement")->decide(show(), hints);
  ASSERT_EQ(hints.size(), 2U);
  EXPECT_EQ(hints.begin()->kind, HintKind::kPlace);
  EXPECT_EQ(*(hints.begin() + 1), (Hint{HintKind::kMove, 0, 2, 0, 7}));
}

}  // namespace
}  // namespace hive::policy
