// What the ledger costs, as the allocator counts it.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <string>

#include "cellmon/firewall/contribution.h"
#include "vmm/base/sanitized.h"

namespace hive::firewall {
namespace {

constexpr CellId kHome{0};
constexpr std::uint64_t kGibibyte = 262'144;  // pages

#ifdef HIVE_SANITIZED
constexpr bool kCountsAllocations = false;
#else
constexpr bool kCountsAllocations = true;
#endif

class Footprint : public testing::Test {
 protected:
  void SetUp() override {
    if (!kCountsAllocations) GTEST_SKIP() << "the sanitizer's allocator does not count for us";
    before_ = allocated();
  }

  /// Bytes taken since the start, the allocator's own included.
  [[nodiscard]] double taken() const { return static_cast<double>(allocated() - before_); }
  /// The same for each page of a gibibyte, put on record.
  double taken_per_page() {
    const double bytes = taken() / static_cast<double>(kGibibyte);
    RecordProperty("bytes_per_page", std::to_string(bytes));
    std::printf("%.2f bytes a page\n", bytes);
    return bytes;
  }

  static void grant_to_all(Ledger& ledger) {
    for (unsigned cell = 1; cell < kMaxCells; ++cell) {
      ASSERT_TRUE(ledger.grant(CellId(cell), ledger.all()).ok());
    }
  }

 private:
  static std::size_t allocated() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }

  std::size_t before_ = 0;
};

TEST_F(Footprint, EveryRightOfEveryCellIsAtMost16BytesAPage) {
  Ledger ledger(kHome, kGibibyte);
  grant_to_all(ledger);
  EXPECT_LE(taken_per_page(), 16);
}

/// Rights to every page for as many OTHERS, all of which wrote every page.
void grant_and_mark_all(Ledger& ledger, unsigned others) {
  for (unsigned cell = 1; cell <= others; ++cell) {
    ASSERT_TRUE(ledger.grant(CellId(cell), ledger.all()).ok());
    for (PageIndex page = 0; page < kGibibyte; ++page) ledger.open_for_write(CellId(cell), page);
  }
}

TEST_F(Footprint, EveryRightAndMarkOf45OtherCellsIsAtMost16BytesAPage) {
  Ledger ledger(kHome, kGibibyte);
  grant_and_mark_all(ledger, 45);
  EXPECT_LE(taken_per_page(), 16);
}

TEST_F(Footprint, EveryRightAndMarkOfEveryCellIsAtMost21BytesAPage) {
  Ledger ledger(kHome, kGibibyte);
  grant_and_mark_all(ledger, kMaxCells - 1);
  EXPECT_LE(taken_per_page(), 21);
}

TEST_F(Footprint, EveryRightWithEachPageWrittenBySomeCellIsAtMost16BytesAPage) {
  Ledger ledger(kHome, kGibibyte);
  grant_to_all(ledger);
  for (PageIndex page = 0; page < kGibibyte; ++page) {
    ledger.open_for_write(CellId(1 + page / PageSet::kChunkPages % (kMaxCells - 1)), page);
  }
  EXPECT_LE(taken_per_page(), 16);
}

TEST_F(Footprint, OnlyGenerationsStayOfWhatIsTakenBack) {
  Ledger ledger(kHome, kGibibyte);
  grant_to_all(ledger);
  for (unsigned cell = 1; cell < kMaxCells; ++cell) ledger.revoke_all(CellId(cell));
  EXPECT_LE(taken_per_page(), 4.5);
}

TEST_F(Footprint, ASectionIsAtMost512Bytes) {
  SectionTable table(kHome, kGibibyte);
  for (std::size_t number = 0; number < SectionTable::kMaxSections; ++number) {
    std::string name = std::to_string(number);
    name.resize(kMaxSectionName, '.');
    ASSERT_TRUE(table.create(name, 1).ok());
  }
  const double bytes = taken() / static_cast<double>(SectionTable::kMaxSections);
  std::printf("%.0f bytes a section\n", bytes);
  EXPECT_LE(bytes, 512);
}

}  // namespace
}  // namespace hive::firewall
