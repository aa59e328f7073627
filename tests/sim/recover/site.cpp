#include "tests/sim/recover/site.h"

#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/trace.h"

namespace hive::sim {

using agree::index_of;
using firewall::PageIndex;
using firewall::PageRange;
using recover::DiscardPolicy;

Memory::Memory(CellId home, DiscardPolicy policy)
    : home_(home), contribution_(home, kPages), doomed_(policy, kPages) {}

void Memory::grant(CellId cell, Incarnation incarnation, PageIndex page) {
  (void)contribution_.ledger().grant(cell, PageRange{page, 1});
  if (cell == home_) return;
  pages_[page].writable.insert(cell);
  granted_to_[index_of(cell)] = incarnation;
}

void Memory::write(CellId cell, Incarnation incarnation, PageIndex page) {
  if (contribution_.ledger().open_for_write(cell, page) == firewall::Verdict::kDenied) return;
  pages_[page].writer = cell == home_ ? agree::kNobody : cell;
  pages_[page].writer_incarnation = incarnation;
  if (cell != home_) pages_[page].written.insert(cell);
}

void Memory::revoke(const recover::Order& order) {
  const agree::CellSet failed = order.casualties.cells;
  (void)doomed_.condemn(contribution_, failed);
  for (Page& page : pages_) {
    const agree::CellSet blamed =
        doomed_.policy() == DiscardPolicy::kWritable ? page.writable : page.written;
    const bool dooms = failed.contains(home_) || blamed.meets(failed);
    if (dooms && page.doomed_by == 0) page.doomed_by = order.epoch;
    page.writable = failed.contains(home_) ? agree::CellSet() : page.writable - failed;
    page.written = failed.contains(home_) ? agree::CellSet() : page.written - failed;
    // Contribution::clear() bumps all of a failed home's generations.
    if (failed.contains(home_)) page.generation = firewall::next_generation(page.generation);
  }
}

void Memory::discard() {
  for (const PageRange& range : doomed_.pages()) {
    for (PageIndex index = range.first; index < range.end(); ++index) {
      Page& page = pages_[index];
      if (page.doomed_by == 0) {
        throw Violation(name_of(home_) + " discards page " + std::to_string(index) +
                        ", which nobody that failed could have corrupted");
      }
      page.writer = agree::kNobody;
      page.dropped = true;
    }
  }
}

void Memory::bump_generations() {
  const firewall::PageRanges pages = doomed_.pages();
  (void)contribution_.ledger().discard(pages);
  doomed_.discarded(pages);
  for (const PageRange& range : pages) {
    for (PageIndex index = range.first; index < range.end(); ++index) {
      Page& page = pages_[index];
      if (!page.dropped) throw Violation("a generation tells of a discard that was not made");
      page.dropped = false;
      page.doomed_by = 0;
      page.written = agree::CellSet();
      page.generation = firewall::next_generation(page.generation);
      ++discards_;
    }
  }
  for (PageIndex index = 0; index < kPages; ++index) {
    if (contribution_.ledger().generation(index) != pages_[index].generation) {
      throw Violation(name_of(home_) + "'s page " + std::to_string(index) +
                      " has a generation that does not count its discards");
    }
  }
}

void Memory::clear() {
  // As a failed home's: nothing of it is left for anybody.
  recover::Order all;
  all.epoch = 1;
  all.casualties.cells = agree::CellSet::of(home_);
  revoke(all);
  discard();
  bump_generations();
}

void Memory::check_discarded(std::uint64_t epoch) const {
  for (PageIndex index = 0; index < kPages; ++index) {
    const Page& page = pages_[index];
    if (page.doomed_by != 0 && page.doomed_by <= epoch) {
      throw Violation(name_of(home_) + " has not discarded page " + std::to_string(index));
    }
  }
}

void Memory::check_clean(CellId cell, Incarnation last, std::uint64_t epoch) const {
  check_discarded(epoch);
  for (PageIndex index = 0; index < kPages; ++index) {
    const Page& page = pages_[index];
    const bool may_write =
        page.writable.contains(cell) && granted_to_[index_of(cell)] <= last && cell != home_;
    const bool wrote = page.writer == cell && page.writer_incarnation <= last && cell != home_;
    if (may_write || wrote) {
      throw Violation(name_of(home_) + "'s page " + std::to_string(index) +
                      (wrote ? " still has what " : " can still be written by ") + name_of(cell) +
                      (wrote ? " wrote before it failed" : ", which has failed"));
    }
  }
}

}  // namespace hive::sim
