// Discard planning, by example and against a naive model.
#include "cellmon/recover/discard.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/firewall/random_pages.h"

namespace hive::recover {
namespace {

using agree::CellSet;
using firewall::Contribution;
using firewall::PageIndex;
using firewall::PageRange;
using firewall::PageRanges;
using firewall::Pages;
using firewall::pages_of;

constexpr CellId kHome{0};
constexpr CellId kB{1};
constexpr CellId kC{2};

/// kB may write 10 to 19 and has written 12; kC may write 15 to 29 and has written 15 and 20.
Contribution sample() {
  Contribution contribution(kHome, 100);
  firewall::Ledger& ledger = contribution.ledger();
  (void)ledger.grant(kB, PageRange{10, 10});
  (void)ledger.grant(kC, PageRange{15, 15});
  ledger.open_for_write(kB, 12);
  ledger.open_for_write(kC, 15);
  ledger.open_for_write(kC, 20);
  return contribution;
}

TEST(Discard, PlansWhatThePolicySays) {
  const Contribution contribution = sample();
  const firewall::Ledger& ledger = contribution.ledger();
  EXPECT_EQ(plan_discard(ledger, CellSet::of(kB), DiscardPolicy::kWritable),
            (PageRanges{{10, 10}}));
  EXPECT_EQ(plan_discard(ledger, CellSet(0b110), DiscardPolicy::kWritable), (PageRanges{{10, 20}}));
  EXPECT_EQ(plan_discard(ledger, CellSet(0b110), DiscardPolicy::kWritten),
            (PageRanges{{12, 1}, {15, 1}, {20, 1}}));
  EXPECT_EQ(plan_discard(ledger, CellSet(0b1000), DiscardPolicy::kWritable), PageRanges());
  EXPECT_EQ(plan_discard(ledger, CellSet::of(kHome), DiscardPolicy::kWritten),
            (PageRanges{{0, 100}}));
}

TEST(Discard, CondemnedPagesStayUntilTheyAreDiscarded) {
  Contribution contribution = sample();
  DoomedPages doomed(DiscardPolicy::kWritten, 100);
  const auto taken = doomed.condemn(contribution, CellSet::of(kB));
  ASSERT_EQ(taken.size(), 1);
  EXPECT_EQ(taken[0].cell, kB);
  EXPECT_EQ(taken[0].revocation.opened, (PageRanges{{12, 1}}));
  // Recovery starts anew, with one more: the ledger knows nothing of kB any more.
  EXPECT_EQ(doomed.condemn(contribution, CellSet(0b110)).size(), 1);
  EXPECT_EQ(doomed.pages(), (PageRanges{{12, 1}, {15, 1}, {20, 1}}));
  doomed.discarded({{12, 4}});
  EXPECT_EQ(doomed.pages(), (PageRanges{{20, 1}}));
  doomed.discarded(doomed.pages());
  EXPECT_EQ(doomed.count(), 0);
}

TEST(Discard, PagesThatAreHandedOutAnewAreNotDropped) {
  Contribution contribution = sample();
  DoomedPages doomed(DiscardPolicy::kWritable, 100);
  doomed.note(contribution.drop_cell(kB));  // its VMM ended before anybody voted
  doomed.forget({0, 15});
  EXPECT_EQ(doomed.pages(), (PageRanges{{15, 5}}));
  doomed.forget({19, ~std::uint64_t{0}});
  doomed.forget({500, 1});
  EXPECT_EQ(doomed.pages(), (PageRanges{{15, 4}}));
}

TEST(Discard, AHomeThatFailedKeepsNothing) {
  Contribution contribution = sample();
  DoomedPages doomed(DiscardPolicy::kWritten, 100);
  EXPECT_EQ(doomed.condemn(contribution, CellSet(0b011)).size(), 2);
  EXPECT_EQ(doomed.pages(), (PageRanges{{0, 100}}));
  EXPECT_TRUE(contribution.ledger().holders().empty());
}

/// Rights and marks page by page, and what is to be discarded.
struct Model {
  std::array<Pages, kMaxCells> writable;
  std::array<Pages, kMaxCells> written;
  Pages doomed;
};

class DiscardProperty : public testing::TestWithParam<std::uint64_t> {};

TEST_P(DiscardProperty, PlansAreThoseOfANaiveModel) {
  const bool all = GetParam() % 2 == 0;
  const DiscardPolicy policy = all ? DiscardPolicy::kWritable : DiscardPolicy::kWritten;
  const std::uint64_t pages = GetParam() % 3 == 0 ? 50 : 6000;
  firewall::RandomPages random(GetParam(), pages);
  Contribution contribution(CellId{7}, pages);
  DoomedPages doomed(policy, pages);
  Model model;
  for (int step = 0; step < 150; ++step) {
    const auto index = static_cast<unsigned>(random.below(5));
    const CellId cell{static_cast<std::uint8_t>(index)};
    const PageRange range = random.range();
    const Pages ranged = pages_of({range});
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2:
        ASSERT_TRUE(contribution.ledger().grant(cell, range).ok());
        model.writable[index].insert(ranged.begin(), ranged.end());
        break;
      case 3:
        ASSERT_TRUE(contribution.ledger().revoke(cell, range).ok());
        for (const PageIndex page : ranged) {
          model.writable[index].erase(page);
          model.written[index].erase(page);
        }
        break;
      case 4:
        for (const PageIndex page : ranged) {
          contribution.ledger().open_for_write(cell, page);
          if (model.writable[index].contains(page)) model.written[index].insert(page);
        }
        break;
      case 5:
        doomed.forget(range);
        for (const PageIndex page : ranged) model.doomed.erase(page);
        break;
      case 6: {
        const PageRanges plan = doomed.pages();
        ASSERT_TRUE(contribution.ledger().discard(plan).ok());
        doomed.discarded(plan);
        for (Pages& written : model.written) {
          for (const PageIndex page : model.doomed) written.erase(page);
        }
        model.doomed.clear();
        break;
      }
      case 7: {
        const CellSet failed(random.below(32));
        Pages planned;
        failed.for_each([&](CellId dead) {
          auto& taken = (all ? model.writable : model.written)[agree::index_of(dead)];
          planned.insert(taken.begin(), taken.end());
          model.writable[agree::index_of(dead)].clear();
          model.written[agree::index_of(dead)].clear();
        });
        EXPECT_EQ(pages_of(plan_discard(contribution.ledger(), failed, policy)), planned);
        (void)doomed.condemn(contribution, failed);
        EXPECT_EQ(plan_discard(contribution.ledger(), failed, policy), PageRanges());
        model.doomed.insert(planned.begin(), planned.end());
        break;
      }
      default:
        break;
    }
    ASSERT_EQ(pages_of(doomed.pages()), model.doomed) << "step " << step;
    ASSERT_EQ(doomed.count(), model.doomed.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DiscardProperty, testing::Range<std::uint64_t>(1, 31));

}  // namespace
}  // namespace hive::recover
