#include "cellmon/recover/discard.h"

#include <algorithm>

namespace hive::recover {

using firewall::PageRange;
using firewall::PageRanges;
using firewall::PageSet;
using firewall::Revocation;

namespace {

/// RANGES cut to what lies within PAGES pages, into SET.
void add(PageSet& set, const PageRanges& ranges, std::uint64_t pages) {
  PageRanges added;
  for (const PageRange& range : ranges) {
    if (firewall::lies_within(range, pages)) set.insert(range, added);
  }
}

void take(PageSet& set, const PageRange& range, std::uint64_t pages) {
  PageRanges removed;
  if (range.first >= pages) return;
  set.erase({range.first, std::min(range.count, pages - range.first)}, removed);
}

}  // namespace

PageRanges plan_discard(const firewall::Ledger& ledger, agree::CellSet failed,
                        DiscardPolicy policy) {
  PageRanges plan;
  if (failed.contains(ledger.home())) {
    firewall::append(plan, ledger.all());
    return plan;
  }
  PageSet doomed(ledger.pages());
  failed.for_each([&](CellId cell) {
    const bool all = policy == DiscardPolicy::kWritable;
    add(doomed, all ? ledger.writable_by(cell) : ledger.written_by(cell), ledger.pages());
  });
  doomed.list(ledger.all(), plan);
  return plan;
}

std::vector<firewall::CellRevocation> DoomedPages::condemn(firewall::Contribution& contribution,
                                                           agree::CellSet failed) {
  if (failed.contains(contribution.ledger().home())) {
    add(doomed_, {contribution.ledger().all()}, pages_);
    return contribution.clear();
  }
  std::vector<firewall::CellRevocation> taken;
  failed.for_each([&](CellId cell) {
    Revocation lost = contribution.drop_cell(cell);
    note(lost);
    if (!lost.pages.empty()) taken.push_back({cell, std::move(lost)});
  });
  return taken;
}

void DoomedPages::note(const Revocation& lost) {
  add(doomed_, policy_ == DiscardPolicy::kWritable ? lost.pages : lost.opened, pages_);
}

void DoomedPages::forget(const PageRange& range) { take(doomed_, range, pages_); }

void DoomedPages::discarded(const PageRanges& ranges) {
  for (const PageRange& range : ranges) take(doomed_, range, pages_);
}

PageRanges DoomedPages::pages() const {
  PageRanges pages;
  doomed_.list({0, pages_}, pages);
  return pages;
}

}  // namespace hive::recover
