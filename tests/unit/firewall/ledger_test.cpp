#include "cellmon/firewall/ledger.h"

#include <gmock/gmock.h>

#include "vmm/base/error.h"

namespace hive::firewall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr CellId kHome{2};
constexpr CellId kPeer{5};
constexpr CellId kLast{63};
constexpr CellId kNone{64};
constexpr std::uint64_t kPages = 10'000;

WriterSet cells(std::initializer_list<CellId> members) {
  WriterSet set;
  for (const CellId cell : members) set.insert(cell);
  return set;
}

TEST(Ledger, OnlyHomeWritesAtFirst) {
  const Ledger ledger(kHome, kPages);
  EXPECT_EQ(ledger.writers(0), cells({kHome}));
  EXPECT_TRUE(ledger.may_write(kHome, kPages - 1));
  EXPECT_FALSE(ledger.may_write(kPeer, 0));
  EXPECT_THAT(ledger.writable_by(kHome), ElementsAre(PageRange{0, kPages}));
  EXPECT_THAT(ledger.writable_by(kPeer), IsEmpty());
  EXPECT_TRUE(ledger.holders().empty());
  EXPECT_EQ(ledger.generation(0), 0u);
}

TEST(Ledger, GrantReturnsWhatChangedAndIsIdempotent) {
  Ledger ledger(kHome, kPages);
  EXPECT_THAT(ledger.grant(kPeer, {10, 5}).value(), ElementsAre(PageRange{10, 5}));
  EXPECT_THAT(ledger.grant(kPeer, {10, 5}).value(), IsEmpty());
  EXPECT_THAT(ledger.grant(kPeer, {8, 9}).value(), ElementsAre(PageRange{8, 2}, PageRange{15, 2}));
  EXPECT_EQ(ledger.writers(8), cells({kHome, kPeer}));
  EXPECT_EQ(ledger.writers(17), cells({kHome}));
  EXPECT_THAT(ledger.writable_by(kPeer, {9, 3}), ElementsAre(PageRange{9, 3}));
}

TEST(Ledger, PatternMayOverlapAndBeOutOfOrder) {
  Ledger ledger(kHome, kPages);
  const PageRanges pattern{{100, 2}, {0, 1}, {101, 2}, {50, 0}, {0, 1}};
  EXPECT_THAT(ledger.grant(kLast, pattern).value(),
              ElementsAre(PageRange{100, 2}, PageRange{0, 1}, PageRange{102, 1}));
  const Revocation revocation = ledger.revoke(kLast, pattern).value();
  EXPECT_EQ(count_pages(revocation.pages), 4u);
  EXPECT_THAT(ledger.writable_by(kLast), IsEmpty());
  EXPECT_TRUE(ledger.holders().empty());
}

TEST(Ledger, RevokeTellsWhatWasOpened) {
  Ledger ledger(kHome, kPages);
  ASSERT_TRUE(ledger.grant(kPeer, {0, 10}).ok());
  EXPECT_EQ(ledger.open_for_write(kPeer, 4), Verdict::kOpened);
  EXPECT_EQ(ledger.open_for_write(kPeer, 4), Verdict::kAlreadyOpen);
  EXPECT_EQ(ledger.open_for_write(kPeer, 9), Verdict::kOpened);
  EXPECT_THAT(ledger.written_by(kPeer), ElementsAre(PageRange{4, 1}, PageRange{9, 1}));
  const Revocation revocation = ledger.revoke(kPeer, {2, 4}).value();
  EXPECT_THAT(revocation.pages, ElementsAre(PageRange{2, 4}));
  EXPECT_THAT(revocation.opened, ElementsAre(PageRange{4, 1}));
  EXPECT_EQ(ledger.open_for_write(kPeer, 4), Verdict::kDenied);
  ASSERT_TRUE(ledger.grant(kPeer, {4, 1}).ok());
  EXPECT_THAT(ledger.written_by(kPeer), ElementsAre(PageRange{9, 1}));
}

TEST(Ledger, DeniesWritesByWhoeverHasNoRight) {
  Ledger ledger(kHome, kPages);
  ASSERT_TRUE(ledger.grant(kPeer, {kPages - 1, 1}).ok());
  EXPECT_EQ(ledger.open_for_write(kPeer, kPages - 1), Verdict::kOpened);
  EXPECT_EQ(ledger.open_for_write(kPeer, kPages - 2), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kPeer, kPages), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kPeer, kAll), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kLast, kPages - 1), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kNone, kPages - 1), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(CellId{255}, 0), Verdict::kDenied);
  EXPECT_EQ(ledger.open_for_write(kHome, 0), Verdict::kAlreadyOpen);
  EXPECT_EQ(ledger.open_for_write(kHome, kPages), Verdict::kDenied);
}

TEST(Ledger, HomeKeepsItsRights) {
  Ledger ledger(kHome, kPages);
  EXPECT_THAT(ledger.grant(kHome, {0, kPages}).value(), IsEmpty());
  const auto refused = ledger.revoke(kHome, {0, 1});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.refusal().reason, Reason::kHomeAlwaysWrites);
  EXPECT_THAT(refused.refusal().text, HasSubstr("cell 2 is the home"));
  EXPECT_THAT(ledger.revoke_all(kHome).pages, IsEmpty());
  EXPECT_TRUE(ledger.may_write(kHome, 0));
}

TEST(Ledger, RefusesWhatIsOutOfRangeAndChangesNothing) {
  Ledger ledger(kHome, kPages);
  for (const PageRange& range : {PageRange{kPages, 1},
                                 {kPages + 1, 0},
                                 {0, kPages + 1},
                                 {1, kAll},
                                 {kAll, 1},
                                 {kAll, kAll},
                                 {kAll - 5, 10}}) {
    const PageRanges pattern{{0, 5}, range};
    const auto refused = ledger.grant(kPeer, pattern);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.refusal().reason, Reason::kOutOfRange);
    EXPECT_THAT(refused.refusal().text, HasSubstr("contribution of cell 2, which has 10000"));
    EXPECT_EQ(ledger.revoke(kPeer, pattern).refusal().reason, Reason::kOutOfRange);
    EXPECT_EQ(ledger.discard(pattern).refusal().reason, Reason::kOutOfRange);
    EXPECT_EQ(ledger.revoke_from_all(range).refusal().reason, Reason::kOutOfRange);
  }
  EXPECT_THAT(ledger.writable_by(kPeer), IsEmpty());
  EXPECT_EQ(ledger.generation(0), 0u);
  EXPECT_EQ(ledger.generation(kPages), std::nullopt);
  EXPECT_TRUE(ledger.writers(kPages).empty());
  EXPECT_THAT(ledger.writable_by(kHome, {kPages - 3, kAll}), ElementsAre(PageRange{kPages - 3, 3}));
  EXPECT_THAT(ledger.writable_by(kHome, {kAll, kAll}), IsEmpty());
}

TEST(Ledger, RefusesCellsThatCannotBe) {
  Ledger ledger(kHome, kPages);
  for (const CellId cell : {kNone, CellId{255}}) {
    EXPECT_EQ(ledger.grant(cell, {0, 1}).refusal().reason, Reason::kNoSuchCell);
    EXPECT_EQ(ledger.revoke(cell, {0, 1}).refusal().reason, Reason::kNoSuchCell);
    EXPECT_THAT(ledger.revoke_all(cell).pages, IsEmpty());
    EXPECT_THAT(ledger.writable_by(cell), IsEmpty());
    EXPECT_THAT(ledger.written_by(cell), IsEmpty());
    EXPECT_FALSE(ledger.may_write(cell, 0));
  }
  EXPECT_EQ(ledger.writers(0), cells({kHome}));
}

TEST(Ledger, TakesEverythingFromAFailedCell) {
  Ledger ledger(kHome, kPages);
  ASSERT_TRUE(ledger.grant(kPeer, PageRanges{{0, 1}, {5000, 3}}).ok());
  ASSERT_TRUE(ledger.grant(kLast, {0, kPages}).ok());
  ledger.open_for_write(kPeer, 5001);
  const Revocation taken = ledger.revoke_all(kPeer);
  EXPECT_THAT(taken.pages, ElementsAre(PageRange{0, 1}, PageRange{5000, 3}));
  EXPECT_THAT(taken.opened, ElementsAre(PageRange{5001, 1}));
  EXPECT_EQ(ledger.holders(), cells({kLast}));
  EXPECT_THAT(ledger.written_by(kPeer), IsEmpty());
}

TEST(Ledger, TakesARangeFromEveryCell) {
  Ledger ledger(kHome, kPages);
  ASSERT_TRUE(ledger.grant(CellId{0}, {0, 10}).ok());
  ASSERT_TRUE(ledger.grant(kPeer, {20, 10}).ok());
  ASSERT_TRUE(ledger.grant(kLast, {9, 2}).ok());
  ledger.open_for_write(kLast, 9);
  const auto taken = ledger.revoke_from_all({5, 15}).value();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].cell, CellId{0});
  EXPECT_THAT(taken[0].revocation.pages, ElementsAre(PageRange{5, 5}));
  EXPECT_THAT(taken[0].revocation.opened, IsEmpty());
  EXPECT_EQ(taken[1].cell, kLast);
  EXPECT_THAT(taken[1].revocation.pages, ElementsAre(PageRange{9, 2}));
  EXPECT_THAT(taken[1].revocation.opened, ElementsAre(PageRange{9, 1}));
}

TEST(Ledger, DiscardBumpsOnceAndTakesMarksButNotRights) {
  Ledger ledger(kHome, kPages);
  ASSERT_TRUE(ledger.grant(kPeer, {0, 10}).ok());
  ledger.open_for_write(kPeer, 3);
  ledger.open_for_write(kPeer, 8);
  const auto reprotect = ledger.discard(PageRanges{{3, 2}, {2, 2}}).value();
  ASSERT_EQ(reprotect.size(), 1u);
  EXPECT_EQ(reprotect[0].cell, kPeer);
  EXPECT_THAT(reprotect[0].opened, ElementsAre(PageRange{3, 1}));
  EXPECT_THAT(ledger.written_by(kPeer), ElementsAre(PageRange{8, 1}));
  EXPECT_EQ(ledger.generation(1), 0u);
  EXPECT_EQ(ledger.generation(2), 1u);
  EXPECT_EQ(ledger.generation(3), 1u);
  EXPECT_EQ(ledger.generation(4), 1u);
  EXPECT_EQ(ledger.generation(5), 0u);
  EXPECT_EQ(ledger.open_for_write(kPeer, 3), Verdict::kOpened);
}

TEST(Ledger, GenerationWrapsToOne) {
  EXPECT_EQ(next_generation(0), 1u);
  EXPECT_EQ(next_generation(0xffff'fffe), 0xffff'ffffu);
  EXPECT_EQ(next_generation(0xffff'ffff), 1u);
}

TEST(Ledger, OfNoPagesRefusesAll) {
  Ledger ledger(kHome, 0);
  EXPECT_THAT(ledger.grant(kPeer, {0, 0}).value(), IsEmpty());
  EXPECT_FALSE(ledger.grant(kPeer, {0, 1}).ok());
  EXPECT_THAT(ledger.writable_by(kHome), IsEmpty());
  EXPECT_THAT(ledger.revoke_all(kPeer).pages, IsEmpty());
}

TEST(Ledger, RefusesToBeMadeForTheImpossible) {
  EXPECT_THROW(Ledger(kNone, 1), Error);
  EXPECT_THROW(Ledger(kHome, Ledger::kMaxPages + 1), Error);
}

TEST(Ledger, EverySecondPageOfAGibibyte) {
  constexpr std::uint64_t kGibibyte = 262'144;
  Ledger ledger(kHome, kGibibyte);
  PageRanges pattern;
  for (PageIndex page = 1; page < kGibibyte; page += 2) pattern.push_back({page, 1});
  EXPECT_EQ(ledger.grant(kLast, pattern).value(), pattern);
  EXPECT_EQ(ledger.writable_by(kLast), pattern);
  for (PageIndex page = 0; page < kGibibyte; ++page) {
    ASSERT_EQ(ledger.may_write(kLast, page), page % 2 == 1) << page;
  }
  EXPECT_EQ(ledger.revoke(kLast, pattern).value().pages, pattern);
  EXPECT_THAT(ledger.writable_by(kLast), IsEmpty());
}

}  // namespace
}  // namespace hive::firewall
