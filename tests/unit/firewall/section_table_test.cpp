#include "cellmon/firewall/section_table.h"

#include <gmock/gmock.h>

namespace hive::firewall {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr CellId kHome{1};
constexpr CellId kPeer{3};
constexpr CellId kLast{63};
constexpr std::uint64_t kAll = ~std::uint64_t{0};

Section made(SectionTable& table, std::string_view name, std::uint64_t pages) {
  return table.create(name, pages).value();
}

TEST(SectionName, HasOneTo63PlainCharacters) {
  EXPECT_TRUE(is_section_name("a"));
  EXPECT_TRUE(is_section_name("Queue-0_b.ring"));
  EXPECT_TRUE(is_section_name(std::string(63, 'z')));
  EXPECT_FALSE(is_section_name(""));
  EXPECT_FALSE(is_section_name(std::string(64, 'z')));
  for (const char bad : {' ', '/', '\0', '\n', '\x7f', '\xe9', '@', '[', '`', '{', ':'}) {
    EXPECT_FALSE(is_section_name(std::string("a") + bad)) << static_cast<int>(bad);
  }
}

TEST(SectionTable, PutsSectionsIntoTheFirstGapThatFits) {
  SectionTable table(kHome, 100);
  const Section a = made(table, "a", 10);
  const Section b = made(table, "b", 20);
  const Section c = made(table, "c", 70);
  EXPECT_EQ(a.range, (PageRange{0, 10}));
  EXPECT_EQ(b.range, (PageRange{10, 20}));
  EXPECT_EQ(c.range, (PageRange{30, 70}));
  ASSERT_TRUE(table.destroy(a.id, Force::kNo).ok());
  ASSERT_TRUE(table.destroy(c.id, Force::kNo).ok());
  EXPECT_EQ(made(table, "d", 11).range, (PageRange{30, 11}));
  EXPECT_EQ(made(table, "e", 10).range, (PageRange{0, 10}));
  ASSERT_TRUE(table.destroy(b.id, Force::kNo).ok());
  EXPECT_EQ(made(table, "f", 5).range, (PageRange{10, 5}));
}

TEST(SectionTable, KeepsReservedNamesFromGuests) {
  SectionTable table(kHome, 100);
  const Section system = table.create_reserved("hive.system", 16).value();
  EXPECT_EQ(system.range, (PageRange{84, 16}));
  EXPECT_EQ(table.create("hive.mine", 1).refusal().reason, Reason::kReserved);
  EXPECT_TRUE(table.create("hive", 1).ok());
  EXPECT_EQ(table.destroy(system.id, Force::kYes).refusal().reason, Reason::kReserved);
  EXPECT_EQ(table.find("hive.system"), system);
  EXPECT_TRUE(table.open(kPeer, "hive.system").ok());
  EXPECT_EQ(table.create("all", 84).refusal().reason, Reason::kNoSpace);
  EXPECT_EQ(table.create_reserved("hive.system", 16).refusal().reason, Reason::kNameTaken);
  EXPECT_EQ(table.create_reserved("hive.more", 1).refusal().reason, Reason::kNoSpace);
  table.clear();
  EXPECT_TRUE(table.create_reserved("hive.system", 16).ok());
}

TEST(SectionTable, TakesTheWholeContributionAndMoreIsRefused) {
  constexpr std::uint64_t kPages = std::uint64_t{1} << 32;
  SectionTable table(kHome, kPages);
  for (const std::uint64_t pages : {kPages + 1, kAll, kAll / 4096 + 1}) {
    EXPECT_EQ(table.create("huge", pages).refusal().reason, Reason::kNoSpace);
  }
  const Section all = made(table, "all", kPages);
  EXPECT_EQ(all.range, (PageRange{0, kPages}));
  EXPECT_EQ(table.at(kPages - 1), all);
  EXPECT_EQ(table.at(kPages), std::nullopt);
  EXPECT_EQ(table.create("more", 1).refusal().reason, Reason::kNoSpace);
}

TEST(SectionTable, SaysWhyThereIsNoSpace) {
  SectionTable table(kHome, 10);
  const Section a = made(table, "a", 4);
  made(table, "b", 3);
  ASSERT_TRUE(table.destroy(a.id, Force::kNo).ok());
  const auto refused = table.create("c", 5);
  EXPECT_EQ(refused.refusal().text,
            "section \"c\" needs 5 pages in a row, but of the 10 pages of cell 1 7 are free, at "
            "most 4 in a row; destroy sections or ask for fewer pages");
}

TEST(SectionTable, RefusesBadNamesWithoutRepeatingThem) {
  SectionTable table(kHome, 10);
  const auto refused = table.create("a\x1b[31m", 1);
  EXPECT_EQ(refused.refusal().reason, Reason::kBadName);
  EXPECT_THAT(refused.refusal().text, HasSubstr("character 2 of this one is 0x1b"));
  EXPECT_THAT(refused.refusal().text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(table.create(std::string(64, 'a'), 1).refusal().text, HasSubstr("has 64 characters"));
  EXPECT_EQ(table.create("", 1).refusal().reason, Reason::kBadName);
  EXPECT_EQ(table.open(kPeer, "\n").refusal().reason, Reason::kBadName);
}

TEST(SectionTable, RefusesTakenNamesAndEmptySections) {
  SectionTable table(kHome, 10);
  made(table, "a", 1);
  EXPECT_EQ(table.create("a", 1).refusal().reason, Reason::kNameTaken);
  EXPECT_EQ(table.create("b", 0).refusal().reason, Reason::kEmptySection);
  EXPECT_EQ(table.list().size(), 1u);
}

TEST(SectionTable, IsLimited) {
  SectionTable table(kHome, 10'000);
  for (std::size_t number = 0; number < SectionTable::kMaxSections; ++number) {
    made(table, "s" + std::to_string(number), 1);
  }
  EXPECT_EQ(table.create("more", 1).refusal().reason, Reason::kTooManySections);
  ASSERT_TRUE(table.destroy(table.find("s500")->id, Force::kNo).ok());
  EXPECT_EQ(made(table, "more", 1).range, (PageRange{500, 1}));
}

TEST(SectionTable, FindsByNameIdAndPage) {
  SectionTable table(kHome, 100);
  const Section a = made(table, "a", 10);
  const Section b = made(table, "b", 5);
  EXPECT_EQ(table.find("b"), b);
  EXPECT_EQ(table.find(a.id), a);
  EXPECT_EQ(table.at(0), a);
  EXPECT_EQ(table.at(9), a);
  EXPECT_EQ(table.at(10), b);
  EXPECT_EQ(table.at(15), std::nullopt);
  EXPECT_EQ(table.at(kAll), std::nullopt);
  EXPECT_EQ(table.find("c"), std::nullopt);
  EXPECT_EQ(table.find(SectionId{}), std::nullopt);
  EXPECT_EQ(table.list(), (std::vector<Section>{a, b}));
}

TEST(SectionTable, CountsOpensOfEachCell) {
  SectionTable table(kHome, 10);
  const SectionId id = made(table, "a", 1).id;
  EXPECT_EQ(table.open(kPeer, "a").value().id, id);
  EXPECT_TRUE(table.open(kPeer, "a").ok());
  EXPECT_TRUE(table.open(kLast, "a").ok());
  EXPECT_EQ(table.opens(id, kPeer), 2u);
  EXPECT_EQ(table.close(kPeer, id), std::nullopt);
  EXPECT_EQ(table.close(kPeer, id), std::nullopt);
  const auto refused = table.close(kPeer, id);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reason, Reason::kNotOpen);
  EXPECT_EQ(table.opens(id, kLast), 1u);
  table.close_all(kLast);
  EXPECT_EQ(table.opens(id, kLast), 0u);
}

TEST(SectionTable, RefusesWhatIsNotThere) {
  SectionTable table(kHome, 10);
  const SectionId id = made(table, "a", 1).id;
  EXPECT_EQ(table.open(kPeer, "b").refusal().reason, Reason::kNoSuchSection);
  EXPECT_EQ(table.close(kPeer, SectionId{77})->reason, Reason::kNoSuchSection);
  EXPECT_EQ(table.destroy(SectionId{77}, Force::kYes).refusal().reason, Reason::kNoSuchSection);
  for (const CellId cell : {CellId{64}, CellId{255}}) {
    EXPECT_EQ(table.open(cell, "a").refusal().reason, Reason::kNoSuchCell);
    EXPECT_EQ(table.close(cell, id)->reason, Reason::kNoSuchCell);
    EXPECT_EQ(table.opens(id, cell), 0u);
    table.close_all(cell);
  }
}

TEST(SectionTable, OpensOfOneCellAreLimited) {
  SectionTable table(kHome, 10);
  const SectionId id = made(table, "a", 1).id;
  for (unsigned count = 0; count < SectionTable::kMaxOpens; ++count) {
    ASSERT_TRUE(table.open(kPeer, "a").ok());
  }
  EXPECT_EQ(table.open(kPeer, "a").refusal().reason, Reason::kTooManyOpens);
  EXPECT_EQ(table.opens(id, kPeer), SectionTable::kMaxOpens);
  EXPECT_TRUE(table.open(kLast, "a").ok());
}

TEST(SectionTable, KeepsWhatOthersUseUnlessForced) {
  SectionTable table(kHome, 10);
  const Section a = made(table, "a", 1);
  ASSERT_TRUE(table.open(kHome, "a").ok());
  ASSERT_TRUE(table.open(kPeer, "a").ok());
  ASSERT_TRUE(table.open(kLast, "a").ok());
  const auto refused = table.destroy(a.id, Force::kNo);
  EXPECT_EQ(refused.refusal().reason, Reason::kInUse);
  EXPECT_THAT(refused.refusal().text, HasSubstr("is open in cells 3, 63;"));
  EXPECT_EQ(table.destroy(a.id, Force::kYes).value(), a);
  EXPECT_EQ(table.find("a"), std::nullopt);
  const Section again = made(table, "a", 1);
  EXPECT_NE(again.id, a.id);
  EXPECT_EQ(table.opens(again.id, kPeer), 0u);
  ASSERT_TRUE(table.open(kHome, "a").ok());
  EXPECT_TRUE(table.destroy(again.id, Force::kNo).ok());
  EXPECT_THAT(table.list(), IsEmpty());
}

TEST(SectionTable, TellsItsLongestFreeRange) {
  SectionTable table(CellId{1}, 16);
  EXPECT_EQ(table.longest_free(), 16U);
  const Section first = table.create("first", 4).value();
  ASSERT_TRUE(table.create("second", 9).ok());
  EXPECT_EQ(table.longest_free(), 3U);
  ASSERT_TRUE(table.destroy(first.id, Force::kNo).ok());
  EXPECT_EQ(table.longest_free(), 4U) << "free pages that do not adjoin do not add up";
  ASSERT_TRUE(table.create("third", 4).ok());
  ASSERT_TRUE(table.create("fourth", 3).ok());
  EXPECT_EQ(table.longest_free(), 0U);
}

TEST(SectionTable, HasRoomForOthersUpToAPart) {
  SectionTable table(CellId{1}, 16);
  const SectionTerms of_other{.creator = CellId{2}};
  EXPECT_EQ(table.create("a", 1, of_other).refusal().reason, Reason::kHostsNone);
  EXPECT_EQ(table.room_for_others(), 0U);
  table.set_hosting(6);
  EXPECT_EQ(table.room_for_others(), 6U);
  EXPECT_EQ(table.create("a", 4, of_other).value().creator, CellId{2});
  EXPECT_EQ(table.hosted(), 4U);
  EXPECT_EQ(table.room_for_others(), 2U);
  const auto refused = table.create("b", 3, {.creator = CellId{3}});
  EXPECT_EQ(refused.refusal().reason, Reason::kHostsEnough) << "all creators share it";
  EXPECT_THAT(refused.refusal().text, testing::HasSubstr("of the 6 that cell 1 has"));
  EXPECT_EQ(table.create("b", ~std::uint64_t{0}, of_other).refusal().reason, Reason::kHostsEnough);
  EXPECT_TRUE(table.create("own", 11).ok()) << "home's own do not count";
  EXPECT_EQ(table.room_for_others(), 1U);
  EXPECT_EQ(table.create("b", 2, of_other).refusal().reason, Reason::kNoSpace);
  table.set_hosting(2);
  EXPECT_EQ(table.room_for_others(), 0U) << "those that are there stay";
  EXPECT_EQ(table.create("b", 1, of_other).refusal().reason, Reason::kHostsEnough);
}

TEST(SectionTable, LimitsTheNumberOfOthersSections) {
  SectionTable table(CellId{1}, 1024);
  table.set_hosting(1024);
  for (std::size_t i = 0; i < SectionTable::kMaxHosted; ++i) {
    ASSERT_TRUE(table.create("s" + std::to_string(i), 1, {.creator = CellId{2}}).ok()) << i;
  }
  EXPECT_EQ(table.create("more", 1, {.creator = CellId{2}}).refusal().reason,
            Reason::kTooManySections);
  EXPECT_TRUE(table.create("own", 1).ok());
}

TEST(SectionTable, EndsForItsCreatorWhatNobodyElseHasOpen) {
  SectionTable table(CellId{1}, 16);
  table.set_hosting(16);
  const SectionId id = table.create("a", 1, {.creator = CellId{2}}).value().id;
  ASSERT_TRUE(table.open(CellId{1}, "a").ok());
  ASSERT_TRUE(table.open(CellId{2}, "a").ok());
  EXPECT_EQ(table.destroy(id, Force::kNo, CellId{2}).refusal().reason, Reason::kInUse);
  EXPECT_EQ(table.destroy(id, Force::kNo).refusal().reason, Reason::kInUse);
  ASSERT_FALSE(table.close(CellId{1}, id));
  EXPECT_TRUE(table.destroy(id, Force::kNo, CellId{2}).ok());
}

TEST(SectionTable, KnowsWhichSectionsMayBeMoved) {
  SectionTable table(CellId{1}, 16);
  EXPECT_FALSE(table.create("stays", 1).value().movable);
  EXPECT_TRUE(table.create("moves", 1, {.movable = true}).value().movable);
  EXPECT_TRUE(table.find("moves")->movable);
}

}  // namespace
}  // namespace hive::firewall
