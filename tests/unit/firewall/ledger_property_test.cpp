// The ledger against a naive model: sets of cells and pages.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cellmon/firewall/ledger.h"
#include "tests/unit/firewall/random_pages.h"

namespace hive::firewall {
namespace {

/// What the ledger is meant to be, page by page.
struct Model {
  std::map<PageIndex, std::set<unsigned>> writers;  ///< Without home.
  std::map<PageIndex, std::set<unsigned>> written;
  std::map<PageIndex, Generation> generations;

  Pages grant(unsigned cell, const Pages& pages) {
    Pages added;
    for (const PageIndex page : pages) {
      if (writers[page].insert(cell).second) added.insert(page);
    }
    return added;
  }
  Pages revoke(unsigned cell, const Pages& pages) {
    Pages removed;
    for (const PageIndex page : pages) {
      if (writers[page].erase(cell) != 0) removed.insert(page);
    }
    return removed;
  }
  Pages unmark(unsigned cell, const Pages& pages) {
    Pages removed;
    for (const PageIndex page : pages) {
      if (written[page].erase(cell) != 0) removed.insert(page);
    }
    return removed;
  }
  static Pages of(const std::map<PageIndex, std::set<unsigned>>& map, unsigned cell) {
    Pages pages;
    for (const auto& [page, cells] : map) {
      if (cells.contains(cell)) pages.insert(page);
    }
    return pages;
  }
};

class LedgerProperty : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr unsigned kHome = 7;

  void run(std::uint64_t pages, int steps) {
    pages_ = pages;
    ledger_.emplace(CellId{kHome}, pages);
    random_.emplace(GetParam(), pages);
    model_ = {};
    for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
      SCOPED_TRACE(testing::Message()
                   << "seed " << GetParam() << ", " << pages << " pages, step " << step);
      one_step();
      if (step % 20 == 0) compare_all();
    }
    compare_all();
  }

 private:
  unsigned some_cell() {
    static constexpr unsigned kCells[] = {0, 1, 6, 8, 62, 63};
    return kCells[random_->below(std::size(kCells))];
  }

  PageRanges some_pattern() {
    PageRanges pattern;
    for (std::uint64_t left = random_->below(6); left != 0; --left) {
      pattern.push_back(random_->range());
    }
    return pattern;
  }

  static Pages union_of(const PageRanges& pattern) {
    Pages pages;
    for (const PageRange& range : pattern) {
      for (PageIndex page = range.first; page < range.end(); ++page) pages.insert(page);
    }
    return pages;
  }

  Pages every_page() const { return union_of({{0, pages_}}); }

  void one_step() {
    const unsigned cell = some_cell();
    const PageRanges pattern = some_pattern();
    switch (random_->below(8)) {
      case 0:
      case 1:
        ASSERT_EQ(pages_of(ledger_->grant(CellId(cell), pattern).value()),
                  model_.grant(cell, union_of(pattern)));
        break;
      case 2:
        expect_revoked(ledger_->revoke(CellId(cell), pattern).value(), cell, union_of(pattern));
        break;
      case 3:
        if (random_->below(4) == 0) {
          expect_revoked(ledger_->revoke_all(CellId(cell)), cell, every_page());
        }
        break;
      case 4:
        if (random_->below(4) == 0) revoke_from_all(random_->range());
        break;
      case 5:
        discard(pattern);
        break;
      default:
        for (int write = 0; write < 20; ++write) open(some_cell(), random_->page());
    }
  }

  void expect_revoked(const Revocation& taken, unsigned cell, const Pages& pages) {
    ASSERT_EQ(pages_of(taken.pages), model_.revoke(cell, pages));
    ASSERT_EQ(pages_of(taken.opened), model_.unmark(cell, pages));
  }

  void revoke_from_all(const PageRange& range) {
    const Pages pages = union_of({range});
    std::map<unsigned, Revocation> taken;
    for (const CellRevocation& one : ledger_->revoke_from_all(range).value()) {
      ASSERT_FALSE(one.revocation.pages.empty());
      ASSERT_TRUE(taken.emplace(index_of(one.cell), one.revocation).second);
    }
    for (unsigned cell = 0; cell < kMaxCells; ++cell) expect_revoked(taken[cell], cell, pages);
  }

  void discard(const PageRanges& pattern) {
    const Pages pages = union_of(pattern);
    for (const PageIndex page : pages) ++model_.generations[page];
    std::map<unsigned, Pages> opened;
    for (const OpenedPages& one : ledger_->discard(pattern).value()) {
      ASSERT_TRUE(opened.emplace(index_of(one.cell), pages_of(one.opened)).second);
    }
    for (unsigned cell = 0; cell < kMaxCells; ++cell) {
      ASSERT_EQ(opened[cell], model_.unmark(cell, pages)) << "cell " << cell;
    }
  }

  void open(unsigned cell, PageIndex page) {
    Verdict expected = Verdict::kDenied;
    if (model_.writers[page].contains(cell)) {
      expected =
          model_.written[page].insert(cell).second ? Verdict::kOpened : Verdict::kAlreadyOpen;
    }
    ASSERT_EQ(ledger_->open_for_write(CellId(cell), page), expected);
  }

  void compare_all() {
    for (const unsigned cell : {0u, 1u, 2u, 6u, 8u, 62u, 63u}) {
      ASSERT_EQ(pages_of(ledger_->writable_by(CellId(cell))), Model::of(model_.writers, cell));
      ASSERT_EQ(pages_of(ledger_->written_by(CellId(cell))), Model::of(model_.written, cell));
      ASSERT_EQ(ledger_->count_writable(CellId(cell)), Model::of(model_.writers, cell).size());
      ASSERT_EQ(ledger_->count_written(CellId(cell)), Model::of(model_.written, cell).size());
      ASSERT_EQ(ledger_->holders().contains(CellId(cell)),
                !Model::of(model_.writers, cell).empty());
    }
    for (PageIndex page = 0; page < pages_; ++page) {
      WriterSet expected;
      expected.insert(CellId{kHome});
      for (const unsigned cell : model_.writers[page]) expected.insert(CellId(cell));
      ASSERT_EQ(ledger_->writers(page), expected) << "page " << page;
      ASSERT_EQ(ledger_->generation(page), model_.generations[page]) << "page " << page;
    }
  }

  std::uint64_t pages_ = 0;
  std::optional<Ledger> ledger_;
  std::optional<RandomPages> random_;
  Model model_;
};

TEST_P(LedgerProperty, HoldsOnOnePage) { run(1, 200); }
TEST_P(LedgerProperty, HoldsOnAWordAndABit) { run(65, 300); }
TEST_P(LedgerProperty, HoldsAcrossChunks) { run(2 * PageSet::kChunkPages + 3, 40); }

INSTANTIATE_TEST_SUITE_P(Seeds, LedgerProperty, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace hive::firewall
