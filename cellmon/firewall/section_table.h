// The named sections of one home's contribution.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/firewall/page_range.h"
#include "cellmon/firewall/refusal.h"
#include "cellmon/firewall/writer_set.h"
#include "vmm/base/ids.h"

namespace hive::firewall {

/// A section's number within its home's contribution, never 0. An id comes again only after 2^32 -
/// 1 others.
enum class SectionId : std::uint32_t {};

/// A named range of pages of one contribution, allocated for a purpose.
struct Section {
  SectionId id{};
  std::string name;  ///< See is_section_name(); unique within the contribution.
  PageRange range;

  friend bool operator==(const Section&, const Section&) = default;
};

inline constexpr std::size_t kMaxSectionName = 63;

/// Whether NAME has 1 to 63 characters of [A-Za-z0-9._-].
bool is_section_name(std::string_view name);

/// Whether NAME begins with HIVE_RESERVED_PREFIX: guests neither make nor end such sections.
bool is_reserved_name(std::string_view name);

/// Whether a section may be destroyed under cells that have it open.
enum class Force : bool { kNo, kYes };

/// Names, places and users of a contribution's sections. It knows nothing of rights to write.
///
/// A cell uses a section between open() and close(), which are counted for each cell. Requests may
/// come from guests: values out of range are refused, and a refused request changes nothing. Time
/// is at most that of a walk over all sections. Not thread-safe.
class SectionTable {
 public:
  static constexpr std::size_t kMaxSections = 1024;
  static constexpr std::uint16_t kMaxOpens = 0xffff;  ///< Of one section by one cell.

  /// No sections yet in the PAGES pages of HOME, which refusals name.
  SectionTable(CellId home, std::uint64_t pages) : home_(home), pages_(pages) {}

  /// Makes a section of PAGES pages, at least 1, in the first free range that is long enough.
  Result<Section> create(std::string_view name, std::uint64_t pages);
  /// Makes one of a reserved name in the last PAGES pages, which are free.
  Result<Section> create_reserved(std::string_view name, std::uint64_t pages);
  /// CELL uses the section from now on, once more.
  Result<Section> open(CellId cell, std::string_view name);
  /// Takes back one open() by CELL. Gives the refusal, if any.
  std::optional<Refusal> close(CellId cell, SectionId id);
  /// Takes back every open() by CELL, which has failed or gone.
  void close_all(CellId cell);
  /// Ends the section and returns it. Refused while a cell other than home has it open, unless
  /// forced; those cells' opens then end with it.
  Result<Section> destroy(SectionId id, Force force);
  /// Ends all sections.
  void clear();

  [[nodiscard]] std::optional<Section> find(std::string_view name) const;
  [[nodiscard]] std::optional<Section> find(SectionId id) const;
  /// The section that PAGE belongs to, if any.
  [[nodiscard]] std::optional<Section> at(PageIndex page) const;
  /// All of them in the order of their places.
  [[nodiscard]] std::vector<Section> list() const;
  /// How often CELL has the section open; 0 if there is no such cell or section.
  [[nodiscard]] unsigned opens(SectionId id, CellId cell) const;

 private:
  struct Entry {
    Section section;
    std::array<std::uint16_t, kMaxCells> opens{};
  };
  using Places = std::map<PageIndex, Entry>;

  Section insert(std::string_view name, const PageRange& range);
  [[nodiscard]] std::optional<Refusal> check_new(std::string_view name, std::uint64_t pages) const;
  [[nodiscard]] std::optional<PageIndex> place_for(std::uint64_t pages) const;
  [[nodiscard]] Refusal no_space(std::string_view name, std::uint64_t pages) const;
  /// The free ranges in the order of their places.
  [[nodiscard]] PageRanges free_ranges() const;
  [[nodiscard]] SectionId new_id();
  [[nodiscard]] Refusal no_section(SectionId id) const;
  /// The cells other than home that have ENTRY's section open.
  [[nodiscard]] WriterSet users(const Entry& entry) const;
  [[nodiscard]] const Entry* entry_of(SectionId id) const;
  Entry* entry_of(SectionId id);

  CellId home_;
  std::uint64_t pages_;
  SectionId last_id_{};
  Places places_;                                ///< By first page.
  std::map<std::string_view, PageIndex> names_;  ///< Keys are the entries' own names.
  std::map<SectionId, PageIndex> ids_;
};

}  // namespace hive::firewall
