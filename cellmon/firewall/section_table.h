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
/// 1 others of the same monitor process; the next process counts anew, as no section outlives its
/// home's guest, nor that guest its monitor.
enum class SectionId : std::uint32_t {};

/// Whether a section is on its way between two homes.
enum class Stage : std::uint8_t {
  kHere,
  kLeaving,  ///< Nobody but home writes it, and it does not change otherwise.
  kComing,   ///< A place that is kept for one: cells see no more of it than that it is to come.
};

/// A named range of pages of one contribution, allocated for a purpose.
struct Section {
  SectionId id{};
  std::string name;  ///< See is_section_name(); unique within the contribution.
  PageRange range;
  bool movable = false;  ///< It may be moved to another home.
  CellId creator{};      ///< The cell that asked for it: home, or another one.
  Stage stage = Stage::kHere;

  friend bool operator==(const Section&, const Section&) = default;
};

inline constexpr std::size_t kMaxSectionName = 63;

/// Whether NAME has 1 to 63 characters of [A-Za-z0-9._-].
bool is_section_name(std::string_view name);

/// Whether NAME begins with HIVE_RESERVED_PREFIX: guests neither make nor end such sections.
bool is_reserved_name(std::string_view name);

/// What a section is to be besides its name and its size.
struct SectionTerms {
  bool movable = false;
  std::optional<CellId> creator = {};  ///< Home where nothing is said.
};

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
  static constexpr std::size_t kMaxHosted = 256;      ///< Of all other cells together.

  /// No sections yet in the PAGES pages of HOME, which refusals name.
  SectionTable(CellId home, std::uint64_t pages) : home_(home), pages_(pages) {}

  /// Makes a section of PAGES pages, at least 1, in the first free range that is long enough: one
  /// without the pages of AVOID, which ascend, where there is any.
  Result<Section> create(std::string_view name, std::uint64_t pages, const SectionTerms& terms = {},
                         const PageRanges& avoid = {});
  /// Sections of other cells may have PAGES pages in all; 0, as at first: there are none of theirs.
  /// Those that are there stay.
  void set_hosting(std::uint64_t pages) { hosting_ = pages; }
  /// Makes one of a reserved name in the last PAGES pages, which are free.
  Result<Section> create_reserved(std::string_view name, std::uint64_t pages);
  /// CELL uses the section from now on, once more.
  Result<Section> open(CellId cell, std::string_view name);
  /// Takes back one open() by CELL. Gives the refusal, if any.
  std::optional<Refusal> close(CellId cell, SectionId id);
  /// Takes back every open() by CELL, which has failed or gone.
  void close_all(CellId cell);
  /// Ends the section and returns it, as BY asks for; home where nothing is said. Refused while a
  /// cell other than that has it open, unless forced; those cells' opens then end with it.
  Result<Section> destroy(SectionId id, Force force, std::optional<CellId> by = {});
  /// The section, which there is, is on its way or has come to stay.
  void set_stage(SectionId id, Stage stage);
  /// Ends all sections.
  void clear();
  /// That SECTION, which is this home's or is to be, is on its way.
  [[nodiscard]] Refusal moving(const Section& section) const;

  [[nodiscard]] std::optional<Section> find(std::string_view name) const;
  [[nodiscard]] std::optional<Section> find(SectionId id) const;
  /// The section that PAGE belongs to, if any.
  [[nodiscard]] std::optional<Section> at(PageIndex page) const;
  /// All of them in the order of their places.
  [[nodiscard]] std::vector<Section> list() const;
  /// Pages of the longest free range.
  [[nodiscard]] std::uint64_t longest_free() const;
  /// Pages that sections of other cells have.
  [[nodiscard]] std::uint64_t hosted() const;
  /// Pages of the largest section that another cell may be given.
  [[nodiscard]] std::uint64_t room_for_others() const;
  /// How often CELL has the section open; 0 if there is no such cell or section.
  [[nodiscard]] unsigned opens(SectionId id, CellId cell) const;

 private:
  struct Entry {
    Section section;
    std::array<std::uint16_t, kMaxCells> opens{};
  };
  using Places = std::map<PageIndex, Entry>;

  Section insert(std::string_view name, const PageRange& range, const SectionTerms& terms);
  [[nodiscard]] std::optional<Refusal> check_new(std::string_view name, std::uint64_t pages) const;
  [[nodiscard]] std::optional<Refusal> check_hosting(std::string_view name, std::uint64_t pages,
                                                     CellId creator) const;
  [[nodiscard]] std::optional<PageIndex> place_for(std::uint64_t pages,
                                                   const PageRanges& avoid) const;
  [[nodiscard]] Refusal no_space(std::string_view name, std::uint64_t pages) const;
  /// The free ranges in the order of their places.
  [[nodiscard]] PageRanges free_ranges() const;
  [[nodiscard]] SectionId new_id();
  [[nodiscard]] Refusal no_section(SectionId id) const;
  /// The cells other than BY that have ENTRY's section open.
  [[nodiscard]] static WriterSet users(const Entry& entry, CellId by);
  [[nodiscard]] const Entry* entry_of(SectionId id) const;
  Entry* entry_of(SectionId id);

  CellId home_;
  std::uint64_t pages_;
  std::uint64_t hosting_ = 0;
  SectionId last_id_{};
  Places places_;                                ///< By first page.
  std::map<std::string_view, PageIndex> names_;  ///< Keys are the entries' own names.
  std::map<SectionId, PageIndex> ids_;
};

}  // namespace hive::firewall
