#include "policy/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/views.h"

namespace hive::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Hint kPlaceAt1{HintKind::kPlace, 1};
constexpr Hint kMove7To2{HintKind::kMove, 0, 2, 0, 7};

/// Section 7 of cell 0, 10 blocks, which cell 2 uses much more than anybody else.
View hot_view() {
  View view = quiet_view(3);
  for (const Cell cell : Cells{0, 1, 2}) view.cells[cell].unused_blocks = 50;
  view.placement = 0;
  view.section_count = 1;
  SectionView& section = view.sections[0];
  section.home = 0;
  section.number = 7;
  section.blocks = 10;
  section.uses[0] = 500;
  section.uses[1] = 100;
  section.uses[2] = 2000;
  return view;
}

TEST(PlacementPolicy, PlacesNewSectionsWhereThereIsMuchMoreRoom) {
  View view = quiet_view(3);
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "there is no room anywhere";
  for (const Cell cell : Cells{0, 2}) view.cells[cell].unused_blocks = 40;
  view.cells[1].unused_blocks = 50;
  EXPECT_THAT(advice(placement, view), ElementsAre(kPlaceAt1)) << "no home was chosen yet";
  view.placement = 0;
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "not much more";
  view.cells[1].unused_blocks = 51;
  EXPECT_THAT(advice(placement, view), ElementsAre(kPlaceAt1));
  view.cells[1].unused_blocks = 41;
  view.cells[0].live = false;
  EXPECT_THAT(advice(placement, view), ElementsAre(kPlaceAt1)) << "that home is down";
}

TEST(PlacementPolicy, MovesAHotSectionToItsMostEagerUser) {
  EXPECT_THAT(advice(placement, hot_view()), ElementsAre(kMove7To2));
}

TEST(PlacementPolicy, MovesNothingThatIsCoolOrDisputedOrDoesNotFit) {
  View view = hot_view();
  view.interval_ns *= 3;
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "cool";
  view = hot_view();
  view.sections[0].uses[0] = 1001;
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "home uses it, too";
  view = hot_view();
  view.sections[0].uses[1] = 1900;
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "so does another";
  view = hot_view();
  view.cells[2].unused_blocks = 9;
  view.cells[0].unused_blocks = view.cells[1].unused_blocks = 9;
  EXPECT_THAT(advice(placement, view), IsEmpty()) << "no room";
  view = hot_view();
  view.sections[0].moving = true;
  EXPECT_THAT(advice(placement, view), IsEmpty());
  view = hot_view();
  view.cells[2].live = false;
  EXPECT_THAT(advice(placement, view), IsEmpty());
}

TEST(PlacementPolicy, MovesTheHottestOnly) {
  View view = hot_view();
  view.section_count = 2;
  view.sections[1] = view.sections[0];
  view.sections[1].number = 8;
  view.sections[1].uses[2] = 1999;
  EXPECT_THAT(advice(placement, view), ElementsAre(kMove7To2));
  view.sections[1].uses[2] = 2001;
  EXPECT_EQ(advice(placement, view)[0].section, 8U);
}

TEST(PlacementPolicy, AMovedSectionStaysUntilItsUseHasTurned) {
  View view = hot_view();
  view.sections[0].home = 2;
  EXPECT_THAT(advice(placement, view), IsEmpty());
  view.sections[0].uses[0] = 3999;
  EXPECT_THAT(advice(placement, view), IsEmpty());
  view.sections[0].uses[0] = 4000;
  EXPECT_EQ(advice(placement, view).size(), 1U);
}

}  // namespace
}  // namespace hive::policy
