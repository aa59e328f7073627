#include "cellmon/firewall/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/error.h"

namespace hive::firewall {
namespace {

/// The limit of a page's cost, with every right given to all cells: rights and generation. Marks
/// are extra, as much as rights at most, and only where cells write.
constexpr std::uint64_t kMaxBytesPerPage = 16;
static_assert((kMaxCells - 1) * sizeof(PageSet::Chunk) +
                  PageSet::kChunkPages * sizeof(Generation) <=
              kMaxBytesPerPage * PageSet::kChunkPages);

std::uint64_t checked_size(CellId home, std::uint64_t pages) {
  if (!is_cell(home)) {
    throw Error(fmt::format("cell {} cannot contribute memory; cells are 0 to {}", index_of(home),
                            kMaxCells - 1));
  }
  if (pages > Ledger::kMaxPages) {
    throw Error(fmt::format("cell {} contributes {} pages; contribute at most {} (16 TiB)",
                            index_of(home), pages, Ledger::kMaxPages));
  }
  return pages;
}

}  // namespace

Ledger::Ledger(CellId home, std::uint64_t pages)
    : home_(home), pages_(checked_size(home, pages)), generations_(pages) {
  holdings_.reserve(kMaxCells);
  for (unsigned cell = 0; cell < kMaxCells; ++cell) {
    holdings_.push_back({PageSet(pages), PageSet(pages)});
  }
}

std::optional<Refusal> Ledger::check(std::span<const PageRange> pattern) const {
  for (const PageRange& range : pattern) {
    if (lies_within(range, pages_)) continue;
    return Refusal{Reason::kOutOfRange,
                   fmt::format("{} pages from page {} are not all within the contribution of cell "
                               "{}, which has {}; ask for pages below that",
                               range.count, range.first, index_of(home_), pages_)};
  }
  return std::nullopt;
}

std::optional<Refusal> Ledger::check(CellId cell, std::span<const PageRange> pattern) const {
  if (!is_cell(cell)) {
    return Refusal{Reason::kNoSuchCell, fmt::format("there is no cell {}; cells are 0 to {}",
                                                    index_of(cell), kMaxCells - 1)};
  }
  return check(pattern);
}

std::optional<Refusal> Ledger::check_frozen(std::span<const PageRange> pattern) const {
  for (const PageRange& range : pattern) {
    for (const PageRange& frozen : frozen_) {
      if (range.first >= frozen.end() || frozen.first >= range.end()) continue;
      return Refusal{
          Reason::kMoving,
          fmt::format("pages {} to {} of cell {} belong to a section that is being moved; "
                      "leave them out, or ask again soon",
                      frozen.first, frozen.end() - 1, index_of(home_))};
    }
  }
  return std::nullopt;
}

Result<PageRanges> Ledger::grant(CellId cell, std::span<const PageRange> pattern) noexcept {
  if (auto refusal = check(cell, pattern)) return *std::move(refusal);
  if (auto refusal = check_frozen(pattern)) return *std::move(refusal);
  PageRanges added;
  if (cell == home_) return added;
  PageSet& writable = holdings_[index_of(cell)].writable;
  for (const PageRange& range : pattern) writable.insert(range, added);
  if (!writable.empty()) holders_.insert(cell);
  return added;
}

Result<Revocation> Ledger::revoke(CellId cell, std::span<const PageRange> pattern) noexcept {
  if (auto refusal = check(cell, pattern)) return *std::move(refusal);
  if (cell == home_) {
    return Refusal{Reason::kHomeAlwaysWrites,
                   fmt::format("cell {} is the home of these pages and may always write them; "
                               "revoke the rights of other cells only",
                               index_of(cell))};
  }
  if (auto refusal = check_frozen(pattern)) return *std::move(refusal);
  Revocation taken;
  for (const PageRange& range : pattern) take(cell, range, taken);
  return taken;
}

void Ledger::take(CellId cell, const PageRange& range, Revocation& taken) noexcept {
  Holding& holding = holdings_[index_of(cell)];
  holding.writable.erase(range, taken.pages);
  holding.written.erase(range, taken.opened);
  if (holding.writable.empty()) holders_.erase(cell);
}

Revocation Ledger::revoke_all(CellId cell) noexcept {
  Revocation taken;
  if (is_foreign(cell)) take(cell, all(), taken);
  return taken;
}

Result<std::vector<CellRevocation>> Ledger::revoke_from_all(const PageRange& range) noexcept {
  if (auto refusal = check({&range, 1})) return *std::move(refusal);
  std::vector<CellRevocation> revocations;
  holders_.for_each([&](CellId cell) {
    Revocation taken;
    take(cell, range, taken);
    if (!taken.pages.empty()) revocations.push_back({cell, std::move(taken)});
  });
  return revocations;
}

std::vector<OpenedPages> Ledger::freeze(const PageRange& range) noexcept {
  frozen_.push_back(range);
  std::vector<OpenedPages> reprotect;
  holders_.for_each([&](CellId cell) {
    PageRanges opened = written_by(cell, range);
    if (!opened.empty()) reprotect.push_back({cell, std::move(opened)});
  });
  return reprotect;
}

void Ledger::thaw(const PageRange& range) noexcept { std::erase(frozen_, range); }

bool Ledger::is_frozen(PageIndex page) const noexcept {
  return std::any_of(frozen_.begin(), frozen_.end(), [page](const PageRange& range) {
    return page >= range.first && page < range.end();
  });
}

void Ledger::note_written(CellId cell, const PageRanges& pages) noexcept {
  if (!is_foreign(cell)) return;
  Holding& holding = holdings_[index_of(cell)];
  PageRanges added;
  for (const PageRange& asked : pages) {
    PageRanges allowed;
    holding.writable.list(cut(asked), allowed);
    for (const PageRange& range : allowed) holding.written.insert(range, added);
  }
}

Verdict Ledger::open_for_write(CellId cell, PageIndex page) noexcept {
  if (!may_write(cell, page)) return Verdict::kDenied;
  if (cell == home_) return Verdict::kAlreadyOpen;
  if (is_frozen(page)) return Verdict::kDenied;
  return holdings_[index_of(cell)].written.insert(page) ? Verdict::kOpened : Verdict::kAlreadyOpen;
}

Result<std::vector<OpenedPages>> Ledger::discard(std::span<const PageRange> pattern) noexcept {
  if (auto refusal = check(pattern)) return *std::move(refusal);
  const PageRanges dropped = merged(pattern);  // each page once, however often the pattern has it
  for (const PageRange& range : dropped) generations_.bump(range);
  std::vector<OpenedPages> reprotect;
  holders_.for_each([&](CellId cell) {
    OpenedPages taken{cell, {}};
    PageSet& written = holdings_[index_of(cell)].written;
    for (const PageRange& range : dropped) written.erase(range, taken.opened);
    if (!taken.opened.empty()) reprotect.push_back(std::move(taken));
  });
  return reprotect;
}

bool Ledger::may_write(CellId cell, PageIndex page) const noexcept {
  if (page >= pages_ || !is_cell(cell)) return false;
  return cell == home_ || holdings_[index_of(cell)].writable.contains(page);
}

WriterSet Ledger::writers(PageIndex page) const noexcept {
  WriterSet cells;
  if (page >= pages_) return cells;
  cells.insert(home_);
  holders_.for_each([&](CellId cell) {
    if (holdings_[index_of(cell)].writable.contains(page)) cells.insert(cell);
  });
  return cells;
}

PageRange Ledger::cut(const PageRange& range) const noexcept {
  if (range.first >= pages_) return {};
  return {range.first, std::min(range.count, pages_ - range.first)};
}

PageRanges Ledger::writable_by(CellId cell, const PageRange& range) const {
  PageRanges found;
  if (cell == home_) append(found, cut(range));
  if (is_foreign(cell)) holdings_[index_of(cell)].writable.list(cut(range), found);
  return found;
}

PageRanges Ledger::written_by(CellId cell, const PageRange& range) const {
  PageRanges found;
  if (is_foreign(cell)) holdings_[index_of(cell)].written.list(cut(range), found);
  return found;
}

std::uint64_t Ledger::count_writable(CellId cell) const noexcept {
  if (cell == home_) return pages_;
  return is_foreign(cell) ? holdings_[index_of(cell)].writable.count() : 0;
}

std::uint64_t Ledger::count_written(CellId cell) const noexcept {
  return is_foreign(cell) ? holdings_[index_of(cell)].written.count() : 0;
}

std::optional<Generation> Ledger::generation(PageIndex page) const noexcept {
  if (page >= pages_) return std::nullopt;
  return generations_.of(page);
}

}  // namespace hive::firewall
