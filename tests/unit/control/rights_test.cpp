#include "cellmon/control/rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "cellmon/control/memory_report.h"
#include "vmm/plan/limits.h"

namespace hive::control {
namespace {

using firewall::Ledger;
using firewall::PageRange;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr CellId kHome{0};
constexpr CellId kBeta{1};
constexpr CellId kGamma{2};
constexpr std::size_t kAll = 1'000'000;

/// All rights that QUERY asks for, LIMIT at a time.
std::vector<Right> gather(const Ledger& ledger, RightsQuery query, std::size_t limit) {
  std::vector<Right> all;
  do {
    const RightsPart part = list_rights(ledger, query, limit);
    EXPECT_LE(part.rights.size(), limit);
    EXPECT_TRUE(part.next == 0 || part.next > query.from);
    all.insert(all.end(), part.rights.begin(), part.rights.end());
    query.from = part.next;
  } while (query.from != 0);
  return all;
}

TEST(Rights, TellWrittenPagesFromOthers) {
  Ledger ledger(kHome, 100);
  ASSERT_TRUE(ledger.grant(kBeta, {10, 5}).ok());
  ASSERT_TRUE(ledger.grant(kGamma, {14, 1}).ok());
  ledger.open_for_write(kBeta, 11);
  ledger.open_for_write(kBeta, 12);
  ledger.open_for_write(kGamma, 14);
  const RightsQuery query{ledger.all(), {}, false, 0};
  EXPECT_THAT(gather(ledger, query, kAll),
              ElementsAre(Right{kBeta, {10, 1}, false}, Right{kBeta, {11, 2}, true},
                          Right{kBeta, {13, 2}, false}, Right{kGamma, {14, 1}, true}));
  EXPECT_THAT(gather(ledger, {ledger.all(), kGamma, false, 0}, kAll),
              ElementsAre(Right{kGamma, {14, 1}, true}));
  EXPECT_THAT(gather(ledger, {ledger.all(), {}, true, 0}, kAll),
              ElementsAre(Right{kBeta, {11, 2}, true}, Right{kGamma, {14, 1}, true}));
  EXPECT_THAT(gather(ledger, {{12, 2}, {}, false, 0}, kAll),
              ElementsAre(Right{kBeta, {12, 1}, true}, Right{kBeta, {13, 1}, false}));
}

TEST(Rights, LeaveHomeOutAndEndWhereThereAreNone) {
  Ledger ledger(kHome, 100);
  EXPECT_THAT(gather(ledger, {ledger.all(), {}, false, 0}, 1), IsEmpty());
  EXPECT_THAT(gather(ledger, {ledger.all(), kHome, false, 0}, 1), IsEmpty());
}

TEST(Rights, JoinPagesAcrossWhatIsReadAtATime) {
  Ledger ledger(kHome, 1 << 20);
  ASSERT_TRUE(ledger.grant(kBeta, ledger.all()).ok());
  EXPECT_THAT(gather(ledger, {ledger.all(), {}, false, 0}, 1),
              ElementsAre(Right{kBeta, {0, 1 << 20}, false}));
}

TEST(Rights, GoOnFromAnyNumber) {
  Ledger ledger(kHome, 100);
  ASSERT_TRUE(ledger.grant(kBeta, {99, 1}).ok());
  ASSERT_TRUE(ledger.grant(CellId{63}, {99, 1}).ok());
  for (const std::uint64_t from : {1ULL << 32, 63ULL << 32, (63ULL << 32) + 99}) {
    EXPECT_FALSE(list_rights(ledger, {ledger.all(), {}, false, from}, 9).rights.empty());
  }
  for (const std::uint64_t from : {(63ULL << 32) + 100, 64ULL << 32, ~0ULL}) {
    const RightsPart part = list_rights(ledger, {ledger.all(), {}, false, from}, 9);
    EXPECT_THAT(part.rights, IsEmpty()) << from;
    EXPECT_EQ(part.next, 0U);
  }
}

TEST(Rights, AreTheSameInPartsOfAnySize) {
  std::mt19937 random(11);
  Ledger ledger(kHome, 40'000);
  for (int i = 0; i < 3'000; ++i) {
    const CellId cell{static_cast<std::uint8_t>(1 + random() % 3)};
    ASSERT_TRUE(ledger.grant(cell, {random() % 39'990, 1 + random() % 10}).ok());
    ledger.open_for_write(cell, random() % 40'000);
  }
  const RightsQuery query{{100, 39'000}, {}, false, 0};
  const std::vector<Right> all = gather(ledger, query, kAll);
  for (const std::size_t limit : {1U, 7U, 400U}) EXPECT_EQ(gather(ledger, query, limit), all);
  for (const CellId cell : {kBeta, kGamma}) {
    firewall::PageRanges writable;
    firewall::PageRanges written;
    for (const Right& right : all) {
      if (right.cell != cell) continue;
      append(writable, right.range);
      if (right.written) append(written, right.range);
    }
    EXPECT_EQ(writable, ledger.writable_by(cell, query.within));
    EXPECT_EQ(written, ledger.written_by(cell, query.within));
  }
}

TEST(Rights, OfOnePartFitALine) {
  const std::vector<std::string> names(64, std::string(plan::kMaxNameLength, 'x'));
  const RightsPart part{{{CellId{63}, {Ledger::kMaxPages, Ledger::kMaxPages}, false}}, ~0ULL};
  const std::string one = describe_rights(part, names, 0)["rights"][0].dump();
  EXPECT_LT(one.size() + 1, 128U) << one;
}

}  // namespace
}  // namespace hive::control
