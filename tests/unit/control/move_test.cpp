// Sections that move from one cell's memory to another's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <span>
#include <string>

#include "cellmon/control/rights_file.h"
#include "tests/unit/control/moving_monitors.h"

namespace hive::control {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(MoveTest, MovesContentRightsAndAccounts) {
  const auto old = make(kAlpha, "hot", 700);
  fill(kAlpha, old);
  ASSERT_EQ(decide(kAlpha, HIVE_GLOBAL_GRANT, "", static_cast<std::uint32_t>(old.id), kGamma).pages,
            1U);
  move(kAlpha, old, kBetaCell);
  EXPECT_TRUE(at(kAlpha).mover.last_end().moved) << at(kAlpha).mover.last_end().why;
  EXPECT_FALSE(sections(kAlpha).find("hot"));
  const auto now = sections(kBeta).find("hot");
  ASSERT_TRUE(now);
  EXPECT_EQ(now->range.count, 700U);
  EXPECT_EQ(now->creator, kAlphaCell);
  EXPECT_TRUE(now->movable);
  expect_filled(kBeta, *now);
  EXPECT_EQ(ledger(kBeta).writable_by(kGammaCell), (firewall::PageRanges{{now->range.first, 1}}));
  EXPECT_EQ(ledger(kBeta).writable_by(kAlphaCell), (firewall::PageRanges{now->range}));
  EXPECT_EQ(ledger(kBeta).written_by(kAlphaCell), (firewall::PageRanges{now->range}))
      << "as home it could write unseen";
  EXPECT_EQ(ledger(kAlpha).count_writable(kGammaCell), 0U);
  EXPECT_EQ(sections(kBeta).hosted(), 700U);
  EXPECT_THAT(at(kAlpha).events, ElementsAre(HasSubstr("move: section hot, 700 pages"),
                                             "moved: section hot is at beta now"));
  EXPECT_THAT(at(kBeta).events,
              ElementsAre("came: section hot, 700 pages, is here now, from alpha"));
  const auto where = decide(kAlpha, HIVE_GLOBAL_SECTION_OPEN, "hot");
  EXPECT_EQ(where.status, HIVE_GLOBAL_MOVED);
  EXPECT_EQ(where.home, kBeta);
  EXPECT_EQ(where.section, static_cast<std::uint32_t>(now->id));
}

TEST_F(MoveTest, MovesBackAndOn) {
  const auto old = make(kAlpha, "hot", 4);
  fill(kAlpha, old);
  move(kAlpha, old, kBetaCell);
  move(kBeta, *sections(kBeta).find("hot"), kGammaCell);
  const auto there = sections(kGamma).find("hot");
  ASSERT_TRUE(there);
  EXPECT_EQ(sections(kBeta).hosted(), 0U);
  EXPECT_EQ(ledger(kGamma).count_writable(kBetaCell), 0U) << "it has only kept it";
  EXPECT_EQ(ledger(kGamma).count_writable(kAlphaCell), 4U);
  move(kGamma, *there, kAlphaCell);
  const auto back = sections(kAlpha).find("hot");
  ASSERT_TRUE(back);
  expect_filled(kAlpha, *back);
  EXPECT_EQ(sections(kAlpha).hosted(), 0U) << "it is its own again";
  EXPECT_EQ(at(kAlpha).memory.gatekeeper().forwardings().find("hot"), nullptr);
}

TEST_F(MoveTest, RefusesWhatCannotMove) {
  EXPECT_THAT(begin(kAlpha, make(kAlpha, "fixed", 1, false), kBetaCell),
              HasSubstr("not made to be moved"));
  const auto hot = make(kAlpha, "hot", 4);
  EXPECT_THAT(begin(kAlpha, hot, kAlphaCell), HasSubstr("another cell"));
  EXPECT_THAT(begin(kAlpha, hot, CellId{9}), HasSubstr("another cell"));
  firewall::Section none = hot;
  none.id = firewall::SectionId{77};
  EXPECT_THAT(begin(kAlpha, none, kBetaCell), HasSubstr("no section 77"));
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  EXPECT_THAT(begin(kAlpha, hot, kGammaCell), HasSubstr("being moved"));
}

TEST_F(MoveTest, KeepsWhatHomesProgramsHaveOpen) {
  const auto hot = make(kAlpha, "hot", 4);
  ASSERT_EQ(decide(kAlpha, HIVE_GLOBAL_SECTION_OPEN, "hot").status, HIVE_GLOBAL_OK);
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "programs of its home have section \"hot\" open");
  run_until([this] { return sections(kBeta).hosted() == 0; });
}

TEST_F(MoveTest, KeepsWhatTheTargetHasNoRoomFor) {
  const auto large = make(kAlpha, "large", kHosted / kPageSize + 1);
  move(kAlpha, large, kBetaCell);
  expect_refused(kAlpha, "large", "no room");
  const auto same = make(kAlpha, "same", 1);
  (void)make(kBeta, "same", 1);
  move(kAlpha, same, kBetaCell);
  expect_refused(kAlpha, "same", "a section of that name");
}

TEST_F(MoveTest, KeepsWhatATargetOfAnotherViewIsOffered) {
  const auto hot = make(kAlpha, "hot", 4);
  at(kAlpha).epoch = 2;
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "its view of the machine is another one");
}

TEST_F(MoveTest, KeepsWhatASilentTargetDoesNotTake) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([this] { return sections(kBeta).hosted() != 0; });
  hung_ = kBeta;
  run_until([this] { return at(kAlpha).mover.ends() == 1; });
  expect_refused(kAlpha, "hot", "does not answer");
  EXPECT_FALSE(ledger(kAlpha).is_frozen(hot.range.first));
  EXPECT_EQ(sections(kBeta).hosted(), 700U);
  hung_.reset();
  run_until([this] { return sections(kBeta).hosted() == 0; });
  EXPECT_EQ(at(kBeta).mover.counts().came, 0U);
  EXPECT_EQ(begin(kAlpha, hot, kBetaCell), "");
}

TEST_F(MoveTest, KeepsWhatATargetWithoutAGuestIsOffered) {
  const auto hot = make(kAlpha, "hot", 4);
  at(kBeta).memory.detach();
  move(kAlpha, hot, kBetaCell);
  expect_refused(kAlpha, "hot", "no guest of its cell runs");
}

TEST_F(MoveTest, KeepsWhatIsUnderWayAsTheViewChanges) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  at(kAlpha).epoch = 2;
  run_until([this] { return at(kAlpha).mover.ends() == 1; });
  expect_refused(kAlpha, "hot", "cells have failed, or come back");
  run_until([this] { return sections(kBeta).hosted() == 0; });
}

TEST_F(MoveTest, TakesNoRightsOfWhoIsNoOtherCell) {
  mesh::MoveWord offer;
  offer.number = offer.life = offer.epoch = offer.pages = 1;
  offer.step = mesh::MoveStep::kOffer;
  std::strncpy(offer.name.data(), "hot", offer.name.size() - 1);
  for (const unsigned holder : {3U, 40U, 63U, unsigned{kBeta}}) {
    const auto say = [&](mesh::MoveStep step, std::span<const int> files) {
      offer.step = step;
      ASSERT_TRUE(
          at(kAlpha).siblings.send(kBetaCell, mesh::Move{mesh::Kind::kMove, 0, offer}, files));
    };
    say(mesh::MoveStep::kOffer, {});
    run_until([this] { return sections(kBeta).hosted() == 1; });
    const firewall::SectionRights rights{
        {CellId{static_cast<std::uint8_t>(holder)}, {{0, 1}}, {}, 1}};
    const UniqueFd file = make_rights_file(rights, 1);
    const std::array<int, 1> files{file.get()};
    offer.holders = firewall::holders_of(rights).bits();
    say(mesh::MoveStep::kCopy, files);
    run_until([this] { return sections(kBeta).hosted() == 0; });
    ++offer.number;
  }
}

TEST_F(MoveTest, KeepsWhatATargetThatFailsDoesNotTake) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  hung_ = kBeta;
  at(kAlpha).siblings.cut_off(kBetaCell);
  EXPECT_EQ(at(kAlpha).mover.ends(), 1U);
  expect_refused(kAlpha, "hot", "gone");
  EXPECT_FALSE(ledger(kAlpha).is_frozen(hot.range.first));
}

TEST_F(MoveTest, ForgetsWhatASourceThatFailsDoesNotBring) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([this] { return sections(kBeta).hosted() != 0; });
  hung_ = kAlpha;
  at(kBeta).siblings.cut_off(kAlphaCell);
  EXPECT_EQ(sections(kBeta).hosted(), 0U);
  EXPECT_FALSE(sections(kBeta).find("hot"));
  EXPECT_THAT(at(kBeta).events, IsEmpty());
}

TEST_F(MoveTest, EndsWithTheSectionsOfTheSource) {
  const auto hot = make(kAlpha, "hot", 700);
  ASSERT_EQ(begin(kAlpha, hot, kBetaCell), "");
  run_until([&] { return sections(kAlpha).find("hot")->stage == firewall::Stage::kLeaving; });
  at(kAlpha).memory.detach();
  run_until([this] { return at(kAlpha).mover.ends() == 1 && sections(kBeta).hosted() == 0; });
  EXPECT_FALSE(at(kAlpha).mover.last_end().moved);
  EXPECT_FALSE(sections(kBeta).find("hot"));
}

TEST_F(MoveTest, TakesNoRightsThatMakeNoSense) {
  const firewall::SectionRights rights{{kBetaCell, {{0, 3}, {7, 1}}, {{7, 1}}, 4}};
  const UniqueFd file = make_rights_file(rights, 8);
  const auto holders = firewall::holders_of(rights);
  EXPECT_EQ(read_rights_file(file.get(), holders, 8), rights);
  EXPECT_EQ(read_rights_file(file.get(), holders, 65), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), holders, 7), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), firewall::WriterSet(7), 8), std::nullopt);
  EXPECT_EQ(read_rights_file(-1, holders, 8), std::nullopt);
  EXPECT_EQ(read_rights_file(file.get(), holders, ~std::uint64_t{0}), std::nullopt);
}

}  // namespace
}  // namespace hive::control
