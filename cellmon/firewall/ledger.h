// The ledger of one home's contribution: which cell may write which page.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cellmon/firewall/generations.h"
#include "cellmon/firewall/page_range.h"
#include "cellmon/firewall/page_set.h"
#include "cellmon/firewall/refusal.h"
#include "cellmon/firewall/writer_set.h"
#include "vmm/base/ids.h"

namespace hive::firewall {

/// The ledger's answer to a write that faulted.
enum class Verdict : std::uint8_t {
  kDenied,       ///< A violation: the page stays protected.
  kOpened,       ///< Allowed, and marked as written now: open the page.
  kAlreadyOpen,  ///< Allowed, and marked before, as when two vCPUs fault at once: opening it again
                 ///< is harmless. Also home's own pages.
};

/// What one cell lost.
struct Revocation {
  PageRanges pages;   ///< The pages that it could write and no longer can.
  PageRanges opened;  ///< Those of them that it had written, which the hardware must protect again.
};

/// Pages that were open to a cell, which the hardware must protect again for it.
struct OpenedPages {
  CellId cell{};
  PageRanges opened;
};

struct CellRevocation {
  CellId cell{};
  Revocation revocation;
};

/// For each page of a contribution: the cells that may write it, those that did since they were
/// allowed to, and its generation.
///
/// Ledger first, then hardware: each change is recorded here and returns exactly what changed, and
/// its caller then makes the hardware follow before it reports success. A grant needs no hardware:
/// the page is opened, and marked, by the cell's first write to it.
///
/// Home may always write its own pages. It is in every page's writers, in no list of changes, and
/// what it writes is not marked.
///
/// Requests may come from guests: values out of range are refused, and a refused request changes
/// nothing. A pattern's ranges may be empty, overlap and come in any order. The time follows the
/// number of ranges and of pages changed; a grant also reads one word for 64 pages asked for. Not
/// thread-safe: its owner serialises, the fault handler's calls included. Running out of memory
/// ends the process, which leaves pages protected.
class Ledger {
 public:
  /// 16 TiB.
  static constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 32;

  /// The ledger of PAGES pages, at most kMaxPages, that nobody but HOME may write. Throws
  /// hive::Error.
  Ledger(CellId home, std::uint64_t pages);

  [[nodiscard]] CellId home() const noexcept { return home_; }
  [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
  /// The whole contribution.
  [[nodiscard]] PageRange all() const noexcept { return {0, pages_}; }

  /// Lets CELL write the pages of PATTERN. Returns those that it could not write before. Granting
  /// to home changes nothing.
  Result<PageRanges> grant(CellId cell, std::span<const PageRange> pattern) noexcept;
  Result<PageRanges> grant(CellId cell, const PageRange& range) { return grant(cell, {&range, 1}); }
  /// Takes CELL's right to write the pages of PATTERN, and its marks there. Home's cannot be taken.
  Result<Revocation> revoke(CellId cell, std::span<const PageRange> pattern) noexcept;
  Result<Revocation> revoke(CellId cell, const PageRange& range) {
    return revoke(cell, {&range, 1});
  }
  /// Takes all that CELL has, in time that follows that. Nothing for home or for no cell.
  Revocation revoke_all(CellId cell) noexcept;
  /// Takes the pages of RANGE from each cell but home; cells that had none of them are left out.
  Result<std::vector<CellRevocation>> revoke_from_all(const PageRange& range) noexcept;

  /// Until thaw(), no cell but home writes pages of RANGE, and grant() and revoke() refuse them;
  /// rights and marks stay. RANGE lies within the contribution. Returns the pages that were open,
  /// which the hardware must protect again: those of them that are still marked later are opened
  /// anew by their next write.
  std::vector<OpenedPages> freeze(const PageRange& range) noexcept;
  /// RANGE is one that was frozen.
  void thaw(const PageRange& range) noexcept;
  [[nodiscard]] bool is_frozen(PageIndex page) const noexcept;
  /// CELL has written those of PAGES that it may write, as another home has found. The hardware
  /// need not know: it may stay protected.
  void note_written(CellId cell, const PageRanges& pages) noexcept;

  /// For the fault handler: whether CELL may write PAGE, and if so, marks it as written by CELL.
  Verdict open_for_write(CellId cell, PageIndex page) noexcept;

  /// The content of PATTERN's pages is dropped: bumps each page's generation once and takes all
  /// marks there. Rights stay, so the returned pages, which were open, must be protected again
  /// before their cells run, or their next writes would go unmarked.
  Result<std::vector<OpenedPages>> discard(std::span<const PageRange> pattern) noexcept;
  Result<std::vector<OpenedPages>> discard(const PageRange& range) { return discard({&range, 1}); }

  [[nodiscard]] bool may_write(CellId cell, PageIndex page) const noexcept;
  /// The cells that may write PAGE, home among them; none for a page beyond the end.
  [[nodiscard]] WriterSet writers(PageIndex page) const noexcept;
  /// The cells but home that may write at least one page.
  [[nodiscard]] WriterSet holders() const noexcept { return holders_; }
  /// The pages within RANGE (cut to the contribution) that CELL may write, in ascending order, in
  /// time that follows their number.
  [[nodiscard]] PageRanges writable_by(CellId cell, const PageRange& range) const;
  [[nodiscard]] PageRanges writable_by(CellId cell) const { return writable_by(cell, all()); }
  /// The same for the pages that CELL has written since it was last allowed to.
  [[nodiscard]] PageRanges written_by(CellId cell, const PageRange& range) const;
  [[nodiscard]] PageRanges written_by(CellId cell) const { return written_by(cell, all()); }
  /// How many pages writable_by() and written_by() have, in constant time.
  [[nodiscard]] std::uint64_t count_writable(CellId cell) const noexcept;
  [[nodiscard]] std::uint64_t count_written(CellId cell) const noexcept;
  /// PAGE's generation, or nothing beyond the end.
  [[nodiscard]] std::optional<Generation> generation(PageIndex page) const noexcept;

 private:
  /// Rights and marks of one cell. Marks are a subset of rights.
  struct Holding {
    PageSet writable;
    PageSet written;
  };

  [[nodiscard]] bool is_foreign(CellId cell) const noexcept {
    return is_cell(cell) && cell != home_;
  }
  [[nodiscard]] PageRange cut(const PageRange& range) const noexcept;
  [[nodiscard]] std::optional<Refusal> check(CellId cell, std::span<const PageRange> pattern) const;
  [[nodiscard]] std::optional<Refusal> check(std::span<const PageRange> pattern) const;
  /// Where PATTERN has frozen pages.
  [[nodiscard]] std::optional<Refusal> check_frozen(std::span<const PageRange> pattern) const;
  void take(CellId cell, const PageRange& range, Revocation& taken) noexcept;

  CellId home_;
  std::uint64_t pages_;
  WriterSet holders_;
  std::vector<Holding> holdings_;  ///< One for each CellId.
  Generations generations_;
  PageRanges frozen_;  ///< Few.
};

}  // namespace hive::firewall
