#include "cellmon/firewall/contribution.h"

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <string>

#include "tests/unit/firewall/random_pages.h"

namespace hive::firewall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr CellId kHome{0};
constexpr CellId kPeer{1};
constexpr CellId kLast{63};

TEST(Contribution, HandsOutPagesThatNobodyElseMayWrite) {
  Contribution contribution(kHome, 100);
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {5, 10}).ok());
  contribution.ledger().open_for_write(kPeer, 6);
  const Handover handover = contribution.create_section("a", 8).value();
  EXPECT_EQ(handover.section.range, (PageRange{0, 8}));
  ASSERT_EQ(handover.revoked.size(), 1u);
  EXPECT_EQ(handover.revoked[0].cell, kPeer);
  EXPECT_THAT(handover.revoked[0].revocation.pages, ElementsAre(PageRange{5, 3}));
  EXPECT_THAT(handover.revoked[0].revocation.opened, ElementsAre(PageRange{6, 1}));
  EXPECT_THAT(contribution.ledger().writable_by(kPeer), ElementsAre(PageRange{8, 7}));
  EXPECT_EQ(contribution.ledger().generation(7), 1u);
  EXPECT_EQ(contribution.ledger().generation(8), 0u);
}

TEST(Contribution, DestroyingTakesAllRightsAndBumpsGenerations) {
  Contribution contribution(kHome, 100);
  const Section a = contribution.create_section("a", 10).value().section;
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 3}).ok());
  ASSERT_TRUE(contribution.ledger().grant(kLast, {9, 3}).ok());
  const Handover handover = contribution.destroy_section(a.id, Force::kNo).value();
  EXPECT_EQ(handover.section, a);
  ASSERT_EQ(handover.revoked.size(), 2u);
  EXPECT_THAT(handover.revoked[0].revocation.pages, ElementsAre(PageRange{0, 3}));
  EXPECT_THAT(handover.revoked[1].revocation.pages, ElementsAre(PageRange{9, 1}));
  EXPECT_EQ(contribution.ledger().generation(9), 2u);
  EXPECT_EQ(contribution.ledger().generation(10), 0u);
  EXPECT_TRUE(contribution.ledger().may_write(kLast, 10));
}

TEST(Contribution, ARefusedDestructionChangesNothing) {
  Contribution contribution(kHome, 100);
  const Section a = contribution.create_section("a", 10).value().section;
  ASSERT_TRUE(contribution.open_section(kPeer, "a").ok());
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 3}).ok());
  EXPECT_EQ(contribution.destroy_section(a.id, Force::kNo).refusal().reason, Reason::kInUse);
  EXPECT_TRUE(contribution.ledger().may_write(kPeer, 0));
  EXPECT_EQ(contribution.ledger().generation(0), 1u);
  EXPECT_EQ(contribution.close_section(kPeer, a.id), std::nullopt);
  EXPECT_TRUE(contribution.destroy_section(a.id, Force::kNo).ok());
}

TEST(Contribution, AFailedCellHasNothingLeft) {
  Contribution contribution(kHome, 100);
  const Section a = contribution.create_section("a", 10).value().section;
  ASSERT_TRUE(contribution.open_section(kPeer, "a").ok());
  ASSERT_TRUE(contribution.open_section(kHome, "a").ok());
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {0, 3}).ok());
  contribution.ledger().open_for_write(kPeer, 2);
  const Revocation taken = contribution.drop_cell(kPeer);
  EXPECT_THAT(taken.pages, ElementsAre(PageRange{0, 3}));
  EXPECT_THAT(taken.opened, ElementsAre(PageRange{2, 1}));
  EXPECT_THAT(contribution.drop_cell(kHome).pages, IsEmpty());
  EXPECT_EQ(contribution.sections().opens(a.id, kHome), 1u);
  EXPECT_TRUE(contribution.destroy_section(a.id, Force::kNo).ok());
}

TEST(Contribution, ANewIncarnationOfHomeStartsClear) {
  Contribution contribution(kHome, 100);
  ASSERT_TRUE(contribution.create_section("a", 10).ok());
  ASSERT_TRUE(contribution.ledger().grant(kPeer, {50, 3}).ok());
  const auto revoked = contribution.clear();
  ASSERT_EQ(revoked.size(), 1u);
  EXPECT_THAT(revoked[0].revocation.pages, ElementsAre(PageRange{50, 3}));
  EXPECT_THAT(contribution.sections().list(), IsEmpty());
  EXPECT_EQ(contribution.ledger().generation(0), 2u);
  EXPECT_EQ(contribution.ledger().generation(99), 1u);
}

/// Sections page by page: the name of each page's section, and who has which name open how often.
class ContributionProperty : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::uint64_t kPages = 90;

  void one_step() {
    const std::string name(1, static_cast<char>('a' + random_.below(12)));
    const CellId cell{static_cast<std::uint8_t>(random_.below(2) == 0 ? 1 : 63)};
    switch (random_.below(6)) {
      case 0:
      case 1:
        create(name, random_.below(25));
        break;
      case 2:
        destroy(name, random_.below(3) == 0 ? Force::kYes : Force::kNo);
        break;
      case 3:
        ASSERT_EQ(contribution_.open_section(cell, name).ok(), names().contains(name));
        if (names().contains(name)) ++opens_[name][cell];
        break;
      case 4:
        close(name, cell);
        break;
      default:
        if (random_.below(10) == 0) {
          contribution_.drop_cell(cell);
          for (auto& [section, cells] : opens_) cells.erase(cell);
        } else {
          ASSERT_TRUE(contribution_.ledger().grant(cell, random_.range()).ok());
        }
    }
  }

  void create(const std::string& name, std::uint64_t pages) {
    const std::optional<PageIndex> place = first_gap(pages);
    const bool possible = pages != 0 && !names().contains(name) && place;
    const auto result = contribution_.create_section(name, pages);
    ASSERT_EQ(result.ok(), possible);
    if (!possible) return;
    ASSERT_EQ(result.value().section.range, (PageRange{*place, pages}));
    change_hands(result.value().section.range, name);
  }

  void destroy(const std::string& name, Force force) {
    const auto section = contribution_.sections().find(name);
    ASSERT_EQ(section.has_value(), names().contains(name));
    if (!section) return;
    bool used = false;
    for (const auto& [cell, count] : opens_[name]) used = used || count != 0;
    const auto result = contribution_.destroy_section(section->id, force);
    ASSERT_EQ(result.ok(), force == Force::kYes || !used);
    if (!result.ok()) return;
    opens_.erase(name);
    change_hands(section->range, "");
  }

  void close(const std::string& name, CellId cell) {
    const auto section = contribution_.sections().find(name);
    if (!section) return;
    const bool open = opens_[name][cell] != 0;
    ASSERT_EQ(!contribution_.close_section(cell, section->id).has_value(), open);
    if (open) --opens_[name][cell];
  }

  /// The pages of RANGE now belong to section NAME, are new and nobody else's.
  void change_hands(const PageRange& range, const std::string& name) {
    for (PageIndex page = range.first; page < range.end(); ++page) {
      owners_[page] = name;
      ++generations_[page];
      ASSERT_EQ(contribution_.ledger().writers(page).bits(), 1u) << "page " << page;
    }
  }

  std::set<std::string> names() const {
    std::set<std::string> names(std::begin(owners_), std::end(owners_));
    names.erase("");
    return names;
  }

  std::optional<PageIndex> first_gap(std::uint64_t pages) const {
    for (PageIndex first = 0; first + pages <= kPages; ++first) {
      PageIndex page = first;
      while (page < first + pages && owners_[page].empty()) ++page;
      if (page == first + pages) return first;
    }
    return std::nullopt;
  }

  void compare() {
    for (PageIndex page = 0; page < kPages; ++page) {
      const auto section = contribution_.sections().at(page);
      ASSERT_EQ(section ? section->name : "", owners_[page]) << "page " << page;
      ASSERT_EQ(contribution_.ledger().generation(page), generations_[page]) << "page " << page;
    }
    for (const std::string& name : names()) {
      const Section section = contribution_.sections().find(name).value();
      for (const CellId cell : {kPeer, kLast}) {
        ASSERT_EQ(contribution_.sections().opens(section.id, cell), opens_[name][cell]);
      }
    }
  }

  RandomPages random_{GetParam(), kPages};
  Contribution contribution_{kHome, kPages};
  std::string owners_[kPages];
  Generation generations_[kPages] = {};
  std::map<std::string, std::map<CellId, unsigned>> opens_;
};

TEST_P(ContributionProperty, SectionsArePagesWithANameInCommon) {
  for (int step = 0; step < 700 && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() << ", step " << step);
    one_step();
    compare();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ContributionProperty, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace hive::firewall
