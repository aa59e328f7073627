// One home's contribution to global memory: its ledger and its sections, kept true to each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cellmon/firewall/ledger.h"
#include "cellmon/firewall/section_table.h"

namespace hive::firewall {

/// A section whose pages changed hands.
struct Handover {
  Section section;
  /// Who lost the right to write its pages; the hardware has to follow before the request succeeds.
  std::vector<CellRevocation> revoked;
};

/// Joins what the sections and the ledger each know of the same pages. Grants, revokes, marks and
/// queries go to ledger(); sections come and go here, because their pages change hands then.
///
/// Pages outside sections can be granted as well. Requests may come from guests, as for both parts.
/// Not thread-safe.
class Contribution {
 public:
  /// PAGES pages of HOME, at most Ledger::kMaxPages. Throws hive::Error.
  Contribution(CellId home, std::uint64_t pages) : ledger_(home, pages), sections_(home, pages) {}

  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }
  [[nodiscard]] const SectionTable& sections() const noexcept { return sections_; }

  /// See SectionTable::create(). The pages are handed out: rights from before end, and each
  /// generation is bumped.
  Result<Handover> create_section(std::string_view name, std::uint64_t pages,
                                  const SectionTerms& terms = {});
  /// See SectionTable::create_reserved(). Before anybody was given rights.
  Result<Section> create_reserved_section(std::string_view name, std::uint64_t pages) {
    return sections_.create_reserved(name, pages);
  }
  /// See SectionTable::destroy(). All rights to its pages but home's end, and each generation is
  /// bumped.
  Result<Handover> destroy_section(SectionId id, Force force, std::optional<CellId> by = {});
  void set_hosting(std::uint64_t pages) { sections_.set_hosting(pages); }
  /// Opening gives no right to write.
  Result<Section> open_section(CellId cell, std::string_view name) {
    return sections_.open(cell, name);
  }
  /// Closing takes none.
  std::optional<Refusal> close_section(CellId cell, SectionId id) {
    return sections_.close(cell, id);
  }

  /// CELL failed or left: takes its rights and its opens. Ask for its written or writable pages
  /// before, or use the answer, to know what to discard. Nothing where CELL is home.
  Revocation drop_cell(CellId cell);
  /// Home failed or begins a new incarnation: all rights and sections end, and every page's
  /// generation is bumped. Returns who lost what.
  std::vector<CellRevocation> clear();

 private:
  std::vector<CellRevocation> hand_over(const PageRange& range);

  Ledger ledger_;
  SectionTable sections_;
};

}  // namespace hive::firewall
