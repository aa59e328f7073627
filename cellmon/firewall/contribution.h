// One home's contribution to global memory: its ledger and its sections, kept true to each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cellmon/firewall/former_places.h"
#include "cellmon/firewall/forwardings.h"
#include "cellmon/firewall/ledger.h"
#include "cellmon/firewall/section_rights.h"
#include "cellmon/firewall/section_table.h"

namespace hive::firewall {

/// A section whose pages changed hands.
struct Handover {
  Section section;
  /// Who lost the right to write its pages; the hardware has to follow before the request succeeds.
  std::vector<CellRevocation> revoked;
};

/// A section that does not change any more, since it is about to move.
struct FrozenSection {
  Section section;
  SectionRights rights;
  std::vector<OpenedPages> reprotect;  ///< What was open; the hardware has to follow.
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
  [[nodiscard]] const Forwardings& forwardings() const noexcept { return forwardings_; }
  [[nodiscard]] const FormerPlaces& former_places() const noexcept { return former_places_; }

  /// See SectionTable::create(); it avoids the former places. The pages are handed out: rights from
  /// before end, and each generation is bumped.
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
  Result<Section> open_section(CellId cell, std::string_view name);
  /// Closing takes none.
  std::optional<Refusal> close_section(CellId cell, SectionId id);

  // A section's move to another home, at the end that it leaves.

  /// From now on nobody but home writes the section, and rights and users stay as they are. Refused
  /// where it was not made to be moved, or where home's programs, which nothing stops from writing,
  /// have it open.
  Result<FrozenSection> freeze_section(SectionId id);
  /// All is as before freeze_section().
  void thaw_section(SectionId id);
  /// The frozen section is section TO of HOME now, at PLACE: it ends here.
  Handover forward_section(SectionId id, CellId home, SectionId to, const PageRange& place);

  // The same at the end that it comes to.

  /// A place for a section that is to come: as create_section(), but no cell sees it, and nobody
  /// is given rights to it.
  Result<Handover> reserve_section(std::string_view name, std::uint64_t pages,
                                   const SectionTerms& terms);
  /// It has come, with RIGHTS.
  Section admit_section(SectionId id, const SectionRights& rights);
  /// It does not come.
  void release_section(SectionId id);

  /// CELL failed or left: takes its rights and its opens. Ask for its written or writable pages
  /// before, or use the answer, to know what to discard. Nothing where CELL is home.
  Revocation drop_cell(CellId cell);
  /// Home failed or begins a new incarnation: all rights and sections end, and every page's
  /// generation is bumped. Returns who lost what.
  std::vector<CellRevocation> clear();

 private:
  std::vector<CellRevocation> hand_over(const PageRange& range);
  /// REFUSAL, or that the section has moved where it is said not to be.
  Refusal explain(Refusal refusal, const Forwarding* forwarding) const;

  Ledger ledger_;
  SectionTable sections_;
  Forwardings forwardings_;
  FormerPlaces former_places_;
};

}  // namespace hive::firewall
