// Sections that leave a home, and that come to one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "cellmon/firewall/contribution.h"
#include "cellmon/firewall/request_desk.h"

namespace hive::firewall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr CellId kHome{0};
constexpr CellId kPeer{1};
constexpr CellId kOther{2};
constexpr std::uint64_t kPages = 200;
const SectionTerms kMovable{true, {}};

Section make(Contribution& contribution, const char* name, std::uint64_t pages) {
  return contribution.create_section(name, pages, kMovable).value().section;
}

TEST(Freeze, StopsEveryWriterButHomeAndKeepsWhatTheyHad) {
  Contribution contribution(kHome, kPages);
  const Section a = make(contribution, "a", 8);
  Ledger& ledger = contribution.ledger();
  ASSERT_TRUE(ledger.grant(kPeer, {0, 12}).ok());
  ledger.open_for_write(kPeer, 2);
  ledger.open_for_write(kPeer, 9);
  const FrozenSection frozen = contribution.freeze_section(a.id).value();
  ASSERT_THAT(frozen.reprotect, SizeIs(1));
  EXPECT_THAT(frozen.reprotect[0].opened, ElementsAre(PageRange{2, 1}));
  EXPECT_THAT(frozen.rights, ElementsAre(CellRights{kPeer, {{0, 8}}, {{2, 1}}}));
  EXPECT_EQ(ledger.open_for_write(kPeer, 2), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kPeer, 9), Verdict::kAlreadyOpen) << "it is in no section";
  EXPECT_EQ(ledger.open_for_write(kHome, 2), Verdict::kAlreadyOpen);
  EXPECT_TRUE(ledger.may_write(kPeer, 2)) << "the right stays";
  EXPECT_EQ(ledger.grant(kOther, {7, 2}).refusal().reason, Reason::kMoving);
  EXPECT_EQ(ledger.revoke(kPeer, {7, 2}).refusal().reason, Reason::kMoving);
  EXPECT_TRUE(ledger.grant(kOther, {8, 2}).ok());
  EXPECT_EQ(contribution.open_section(kPeer, "a").refusal().reason, Reason::kMoving);
  EXPECT_EQ(contribution.destroy_section(a.id, Force::kYes).refusal().reason, Reason::kMoving);

  contribution.thaw_section(a.id);
  EXPECT_EQ(ledger.open_for_write(kPeer, 2), Verdict::kAlreadyOpen) << "its mark has stayed";
  EXPECT_EQ(ledger.open_for_write(kPeer, 3), Verdict::kOpened);
  EXPECT_TRUE(contribution.open_section(kPeer, "a").ok());
  EXPECT_TRUE(ledger.revoke(kPeer, {7, 2}).ok());
}

TEST(Freeze, TakesTheRightsOfCellsThatFailMeanwhile) {
  Contribution contribution(kHome, kPages);
  const Section a = make(contribution, "a", 8);
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 3}).ok());
  contribution.ledger().open_for_write(kPeer, 1);
  ASSERT_TRUE(contribution.freeze_section(a.id).ok());
  const Revocation lost = contribution.drop_cell(kPeer);
  EXPECT_THAT(lost.pages, ElementsAre(PageRange{0, 3}));
  EXPECT_THAT(lost.opened, ElementsAre(PageRange{1, 1}));
}

TEST(Freeze, RefusesWhatCannotMove) {
  Contribution contribution(kHome, kPages);
  const Section fixed = contribution.create_section("fixed", 1).value().section;
  EXPECT_EQ(contribution.freeze_section(fixed.id).refusal().reason, Reason::kNotMovable);
  EXPECT_EQ(contribution.freeze_section(SectionId{9}).refusal().reason, Reason::kNoSuchSection);
  const Section a = make(contribution, "a", 1);
  ASSERT_TRUE(contribution.open_section(kHome, "a").ok());
  const Refusal open = contribution.freeze_section(a.id).refusal();
  EXPECT_EQ(open.reason, Reason::kInUse);
  EXPECT_THAT(open.text, HasSubstr("programs of its home have section \"a\" open"));
  EXPECT_EQ(contribution.close_section(kHome, a.id), std::nullopt);
  ASSERT_TRUE(contribution.open_section(kPeer, "a").ok());
  EXPECT_TRUE(contribution.freeze_section(a.id).ok());
  EXPECT_EQ(contribution.freeze_section(a.id).refusal().reason, Reason::kMoving);
}

TEST(Forwarding, TellsWhereASectionWent) {
  Contribution contribution(kHome, kPages);
  const Section a = make(contribution, "a", 8);
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 8}).ok());
  ASSERT_TRUE(contribution.freeze_section(a.id).ok());
  const Handover left = contribution.forward_section(a.id, kOther, SectionId{5}, {40, 8});
  EXPECT_EQ(left.section.range, a.range);
  EXPECT_THAT(contribution.ledger().writable_by(kPeer), IsEmpty());
  EXPECT_EQ(contribution.ledger().generation(0), 2U);
  EXPECT_FALSE(contribution.ledger().is_frozen(0));
  EXPECT_FALSE(contribution.sections().find("a"));
  const Forwarding* forwarding = contribution.forwardings().find("a");
  ASSERT_NE(forwarding, nullptr);
  EXPECT_EQ(forwarding->home, kOther);
  EXPECT_EQ(forwarding->id, SectionId{5});
  EXPECT_EQ(forwarding->range, (PageRange{40, 8}));
  EXPECT_EQ(contribution.forwardings().find(a.id), forwarding);
  const Refusal moved = contribution.open_section(kPeer, "a").refusal();
  EXPECT_EQ(moved.reason, Reason::kMoved);
  EXPECT_THAT(moved.text, HasSubstr("has moved from cell 0 to cell 2"));
  EXPECT_EQ(contribution.close_section(kPeer, a.id)->reason, Reason::kMoved);
  EXPECT_EQ(contribution.destroy_section(a.id, Force::kYes).refusal().reason, Reason::kMoved);
  // Another one of that name takes its place.
  EXPECT_TRUE(contribution.create_section("a", 1).ok());
  EXPECT_EQ(contribution.forwardings().find("a"), nullptr);
}

TEST(Forwarding, IsBoundedAndEndsWithTheIncarnation) {
  Forwardings forwardings;
  for (std::uint32_t id = 1; id <= Forwardings::kMost + 1; ++id) {
    forwardings.note(SectionId{id}, {std::to_string(id), kPeer, SectionId{1}, {}});
  }
  EXPECT_THAT(forwardings.list(), SizeIs(Forwardings::kMost));
  EXPECT_EQ(forwardings.find("1"), nullptr);
  EXPECT_NE(forwardings.find("2"), nullptr);
  Contribution contribution(kHome, kPages);
  const Section a = make(contribution, "a", 8);
  const Section b = make(contribution, "b", 8);
  ASSERT_TRUE(contribution.freeze_section(a.id).ok());
  (void)contribution.forward_section(a.id, kOther, SectionId{5}, {40, 8});
  ASSERT_TRUE(contribution.freeze_section(b.id).ok());
  (void)contribution.clear();
  EXPECT_EQ(contribution.forwardings().find("a"), nullptr);
  EXPECT_TRUE(contribution.ledger().grant(kPeer, contribution.ledger().all()).ok());
}

TEST(FormerPlaces, AreGivenAwayLast) {
  Contribution contribution(kHome, 20);
  contribution.set_hosting(20);
  const Section a = make(contribution, "a", 8);
  ASSERT_TRUE(contribution.freeze_section(a.id).ok());
  (void)contribution.forward_section(a.id, kOther, SectionId{5}, {40, 8});
  // Programs of other cells may still store where it was.
  EXPECT_EQ(make(contribution, "b", 4).range, (PageRange{8, 4}));
  const Section c = contribution.reserve_section("c", 4, {true, kOther}).value().section;
  EXPECT_EQ(c.range, (PageRange{12, 4}));
  contribution.release_section(c.id);
  EXPECT_EQ(make(contribution, "e", 8).range, (PageRange{12, 8}));
  EXPECT_EQ(make(contribution, "f", 8).range, a.range) << "nothing else is left";
}

TEST(FormerPlaces, AreBoundedAndKnowWhoCouldWrite) {
  FormerPlaces places;
  places.note({0, 4}, WriterSet(0b010));
  places.note({2, 4}, WriterSet(0b100));
  EXPECT_TRUE(places.could_write(kPeer, 3));
  EXPECT_FALSE(places.could_write(kPeer, 4));
  EXPECT_TRUE(places.could_write(kOther, 4));
  EXPECT_THAT(places.pages(), ElementsAre(PageRange{0, 6}));
  for (std::uint64_t i = 0; i < 2 * FormerPlaces::kMost; ++i) places.note({2, 4}, WriterSet(0b010));
  EXPECT_TRUE(places.could_write(kOther, 4)) << "the same place again takes no room";
  for (std::uint64_t i = 1; i <= FormerPlaces::kMost; ++i) places.note({i * 10, 1}, {});
  EXPECT_THAT(places.pages(), SizeIs(FormerPlaces::kMost));
  EXPECT_FALSE(places.could_write(kPeer, 3)) << "the first ones have made room";
  places.clear();
  EXPECT_THAT(places.pages(), IsEmpty());
}

TEST(Coming, IsSeenByNobodyUntilItHasCome) {
  Contribution contribution(kHome, kPages);
  contribution.set_hosting(100);
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 8}).ok());
  const Handover kept = contribution.reserve_section("a", 70, {true, kOther}).value();
  EXPECT_THAT(kept.revoked, SizeIs(1)) << "its pages are handed out";
  EXPECT_EQ(contribution.sections().hosted(), 70U);
  EXPECT_EQ(contribution.open_section(kPeer, "a").refusal().reason, Reason::kMoving);
  EXPECT_EQ(contribution.ledger().grant(kPeer, {0, 1}).refusal().reason, Reason::kMoving);
  EXPECT_EQ(contribution.create_section("a", 1).refusal().reason, Reason::kNameTaken);
  EXPECT_EQ(contribution.reserve_section("b", 70, {true, kOther}).refusal().reason,
            Reason::kHostsEnough);

  const SectionRights rights{{kPeer, {{0, 1}, {68, 2}}, {{69, 1}}}, {kOther, {{0, 70}}, {}}};
  const Section here = contribution.admit_section(kept.section.id, rights);
  EXPECT_EQ(here.stage, Stage::kHere);
  EXPECT_EQ(here.creator, kOther);
  EXPECT_TRUE(here.movable);
  EXPECT_EQ(rights_of(contribution.ledger(), here.range), rights);
  EXPECT_EQ(contribution.ledger().open_for_write(kPeer, 69), Verdict::kAlreadyOpen);
  EXPECT_EQ(contribution.ledger().open_for_write(kPeer, 68), Verdict::kOpened);
  EXPECT_TRUE(contribution.open_section(kPeer, "a").ok());
}

TEST(Coming, LeavesNothingWhereItDoesNotCome) {
  Contribution contribution(kHome, kPages);
  contribution.set_hosting(100);
  const Section kept = contribution.reserve_section("a", 70, {true, kOther}).value().section;
  contribution.release_section(kept.id);
  EXPECT_EQ(contribution.sections().hosted(), 0U);
  EXPECT_TRUE(contribution.sections().list().empty());
  EXPECT_TRUE(contribution.ledger().grant(kPeer, {0, 70}).ok());
}

TEST(SectionRights, AreTheSameAfterTheyWereTold) {
  const SectionRights rights{{kPeer, {{0, 64}, {65, 1}, {128, 2}}, {{63, 1}, {128, 2}}, 7},
                             {CellId{63}, {{129, 1}}, {}}};
  const auto words = encode_rights(rights, 130);
  EXPECT_THAT(words, SizeIs(count_words(holders_of(rights), 130)));
  EXPECT_EQ(decode_rights(words, holders_of(rights), 130), rights);
  EXPECT_EQ(decode_rights({}, {}, 130), SectionRights());
}

TEST(SectionRights, TakesNothingThatCannotBe) {
  const SectionRights rights{{kPeer, {{0, 1}}, {}}};
  auto words = encode_rights(rights, 60);
  EXPECT_EQ(decode_rights(words, holders_of(rights), 65), std::nullopt) << "too short";
  EXPECT_EQ(decode_rights(words, WriterSet(6), 60), std::nullopt);
  EXPECT_EQ(decode_rights(words, holders_of(rights), ~std::uint64_t{0}), std::nullopt);
  words[2] = std::uint64_t{1} << 60;
  EXPECT_EQ(decode_rights(words, holders_of(rights), 60), std::nullopt) << "past the end";
  words = {0, 0, 0};
  EXPECT_EQ(decode_rights(words, holders_of(rights), 60), std::nullopt) << "a holder of nothing";
}

/// A home with a desk, from which section "a" has gone to cell 2.
class MovedDesk : public testing::Test {
 protected:
  MovedDesk() {
    const Section a = gatekeeper_.create_section("a", 8, kMovable).value();
    const PageRange all{0, 8};
    EXPECT_TRUE(gatekeeper_.grant(kPeer, {&all, 1}).ok());
    id_ = static_cast<std::uint32_t>(a.id);
    EXPECT_TRUE(gatekeeper_.freeze_section(a.id).ok());
  }
  void forward() { gatekeeper_.forward_section(SectionId{id_}, kOther, SectionId{5}, {40, 8}); }
  hive_global_reply ask(std::uint32_t operation, std::uint32_t section, const char* name = "") {
    hive_global_request request{};
    request.operation = operation;
    request.section = section;
    request.cell = 1;
    request.pages = request.runs = 1;
    std::strncpy(request.name, name, sizeof request.name - 1);
    return desk_.answer(kHome, request);
  }

  hive_global_reply ask_of_page(PageIndex page) {
    hive_global_request request{};
    request.operation = HIVE_GLOBAL_PAGE;
    request.first = page;
    return desk_.answer(kHome, request);
  }

  Gatekeeper gatekeeper_{Contribution(kHome, kPages), [](const ViolationRecord&) {}};
  RequestDesk desk_{gatekeeper_, {"alpha", "beta", "gamma"}};
  std::uint32_t id_ = 0;
};

TEST_F(MovedDesk, SaysThatItIsOnItsWay) {
  EXPECT_EQ(ask(HIVE_GLOBAL_GRANT, id_).status, HIVE_GLOBAL_MOVING);
  EXPECT_EQ(ask(HIVE_GLOBAL_REVOKE, 0).status, HIVE_GLOBAL_MOVING);
  EXPECT_EQ(ask(HIVE_GLOBAL_SECTION_OPEN, 0, "a").status, HIVE_GLOBAL_MOVING);
  EXPECT_EQ(ask(HIVE_GLOBAL_SECTION_FIND, 0, "a").section, id_);
  EXPECT_EQ(ask(HIVE_GLOBAL_SECTION_NEXT, 0).section, id_);
  EXPECT_TRUE(gatekeeper_.is_late_write(kPeer, 3));
  EXPECT_FALSE(gatekeeper_.is_late_write(kOther, 3)) << "it could never write that";
}

TEST_F(MovedDesk, SaysWhereItWent) {
  forward();
  for (const auto operation : {HIVE_GLOBAL_GRANT, HIVE_GLOBAL_PAGE, HIVE_GLOBAL_SECTION_CLOSE,
                               HIVE_GLOBAL_SECTION_DESTROY, HIVE_GLOBAL_WRITTEN}) {
    const auto reply = ask(operation, id_);
    EXPECT_EQ(reply.status, HIVE_GLOBAL_MOVED) << operation;
    EXPECT_EQ(reply.home, 2U);
    EXPECT_EQ(reply.section, 5U);
    EXPECT_EQ(reply.first, 40U);
    EXPECT_EQ(reply.pages, 8U);
  }
  for (const auto operation : {HIVE_GLOBAL_SECTION_OPEN, HIVE_GLOBAL_SECTION_FIND}) {
    const auto reply = ask(operation, 0, "a");
    EXPECT_EQ(reply.status, HIVE_GLOBAL_MOVED) << operation;
    EXPECT_EQ(reply.home, 2U);
    EXPECT_STREQ(reply.name, "a");
  }
  EXPECT_EQ(ask(HIVE_GLOBAL_SECTION_NEXT, 0).status, HIVE_GLOBAL_NOT_FOUND);
  EXPECT_EQ(ask(HIVE_GLOBAL_SECTION_FIND, 0, "b").status, HIVE_GLOBAL_NO_SUCH_SECTION);
  EXPECT_TRUE(gatekeeper_.is_late_write(kPeer, 3));
  EXPECT_FALSE(gatekeeper_.is_late_write(kPeer, 8));
  ASSERT_TRUE(gatekeeper_.create_section("new", kPages).ok());
  EXPECT_FALSE(gatekeeper_.is_late_write(kPeer, 3)) << "the pages are another section's now";
}

TEST_F(MovedDesk, SaysOfWhatIsToComeThatItIsOnItsWay) {
  gatekeeper_.set_hosting(kPages);
  const auto place = gatekeeper_.reserve_section("b", 8, {true, kOther}).value();
  const auto number = static_cast<std::uint32_t>(place.id);
  for (const auto operation : {HIVE_GLOBAL_SECTION_OPEN, HIVE_GLOBAL_SECTION_FIND}) {
    const auto reply = ask(operation, 0, "b");
    EXPECT_EQ(reply.status, HIVE_GLOBAL_MOVING) << operation;
    EXPECT_STREQ(reply.message, "section \"b\" is being moved to cell 0; ask again soon");
    EXPECT_EQ(ask(operation, 0, "c").status, HIVE_GLOBAL_NO_SUCH_SECTION) << operation;
  }
  for (const auto operation : {HIVE_GLOBAL_PAGE, HIVE_GLOBAL_WRITTEN, HIVE_GLOBAL_GRANT}) {
    EXPECT_EQ(ask(operation, number).status, HIVE_GLOBAL_MOVING) << operation;
  }
  const auto page = ask_of_page(place.range.first);
  EXPECT_EQ(page.status, HIVE_GLOBAL_OK);
  EXPECT_EQ(page.section, 0U) << "nobody sees it yet";
  EXPECT_STREQ(page.name, "");
  // The move is called off.
  gatekeeper_.release_section(place.id);
  for (const auto operation : {HIVE_GLOBAL_SECTION_OPEN, HIVE_GLOBAL_SECTION_FIND}) {
    EXPECT_EQ(ask(operation, 0, "b").status, HIVE_GLOBAL_NO_SUCH_SECTION) << operation;
  }
}

TEST_F(MovedDesk, LeadsBackToWhereASectionStaysThatWasToReturn) {
  forward();
  gatekeeper_.set_hosting(kPages);
  const auto place = gatekeeper_.reserve_section("a", 8, {true, kOther}).value();
  for (const auto operation : {HIVE_GLOBAL_SECTION_OPEN, HIVE_GLOBAL_SECTION_FIND}) {
    EXPECT_EQ(ask(operation, 0, "a").status, HIVE_GLOBAL_MOVING) << operation;
  }
  gatekeeper_.release_section(place.id);
  for (const auto operation : {HIVE_GLOBAL_SECTION_OPEN, HIVE_GLOBAL_SECTION_FIND}) {
    const auto reply = ask(operation, 0, "a");
    EXPECT_EQ(reply.status, HIVE_GLOBAL_MOVED) << operation;
    EXPECT_EQ(reply.home, 2U);
  }
}

TEST_F(MovedDesk, KnowsLateWritesWhateverBecomesOfTheName) {
  forward();
  gatekeeper_.set_hosting(kPages);
  const auto all = gatekeeper_.reserve_section("all", kPages, {true, kOther}).value();
  EXPECT_TRUE(gatekeeper_.is_late_write(kPeer, 3)) << "nobody sees what is to come";
  gatekeeper_.release_section(all.id);
  const auto back = gatekeeper_.reserve_section("a", 8, {true, kOther}).value();
  (void)gatekeeper_.admit_section(back.id, {});
  ASSERT_NE(back.range.first, 0U);
  EXPECT_TRUE(gatekeeper_.is_late_write(kPeer, 3)) << "it is back, but elsewhere";
  EXPECT_FALSE(gatekeeper_.is_late_write(kPeer, back.range.first));
  ASSERT_TRUE(gatekeeper_.destroy_section(back.id, Force::kNo).ok());
  ASSERT_TRUE(gatekeeper_.create_section("a", 8).ok());
  EXPECT_TRUE(gatekeeper_.is_late_write(kPeer, 3)) << "another one has its name";
  gatekeeper_.clear();
  EXPECT_FALSE(gatekeeper_.is_late_write(kPeer, 3));
}

}  // namespace
}  // namespace hive::firewall
