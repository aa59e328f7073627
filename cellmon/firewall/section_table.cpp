#include "cellmon/firewall/section_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "guests/abi/system_area.h"

namespace hive::firewall {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

/// Does not repeat the name, which may be anything.
Refusal bad_name(std::string_view name) {
  std::string what = fmt::format("this one has {} characters", name.size());
  const auto bad = std::find_if_not(name.begin(), name.end(), is_name_character);
  if (bad != name.end()) {
    what = fmt::format("character {} of this one is 0x{:02x}", bad - name.begin() + 1,
                       static_cast<unsigned char>(*bad));
  }
  return {Reason::kBadName,
          fmt::format("a section's name has 1 to {} of A-Z, a-z, 0-9, '.', '_' and '-', but {}",
                      kMaxSectionName, what)};
}

/// NAME is a section's name.
Refusal reserved(std::string_view name) {
  return {Reason::kReserved,
          fmt::format("section \"{}\" is the monitor's, as all whose names begin with \"{}\"; "
                      "take another name",
                      name, HIVE_RESERVED_PREFIX)};
}

Refusal no_cell(CellId cell) {
  return {Reason::kNoSuchCell,
          fmt::format("there is no cell {}; cells are 0 to {}", index_of(cell), kMaxCells - 1)};
}

std::string list_of(WriterSet cells) {
  std::string text;
  cells.for_each(
      [&](CellId cell) { text += fmt::format("{}{}", text.empty() ? "" : ", ", index_of(cell)); });
  return text;
}

}  // namespace

bool is_reserved_name(std::string_view name) { return name.starts_with(HIVE_RESERVED_PREFIX); }

bool is_section_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxSectionName &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::optional<Refusal> SectionTable::check_new(std::string_view name, std::uint64_t pages) const {
  if (!is_section_name(name)) return bad_name(name);
  if (pages == 0) {
    return Refusal{Reason::kEmptySection,
                   fmt::format("section \"{}\" would have no pages; ask for at least one", name)};
  }
  if (names_.contains(name)) {
    return Refusal{Reason::kNameTaken,
                   fmt::format("cell {} has a section \"{}\" already; open that one, or take "
                               "another name",
                               index_of(home_), name)};
  }
  if (places_.size() >= kMaxSections) {
    return Refusal{Reason::kTooManySections,
                   fmt::format("cell {} has {} sections, which is the limit, so there is no room "
                               "for \"{}\"; destroy one first",
                               index_of(home_), places_.size(), name)};
  }
  return std::nullopt;
}

Result<Section> SectionTable::create(std::string_view name, std::uint64_t pages,
                                     const SectionTerms& terms, const PageRanges& avoid) {
  if (auto refusal = check_new(name, pages)) return *std::move(refusal);
  if (is_reserved_name(name)) return reserved(name);
  if (auto refusal = check_hosting(name, pages, terms.creator.value_or(home_))) {
    return *std::move(refusal);
  }
  const auto place = place_for(pages, avoid);
  if (!place) return no_space(name, pages);
  return insert(name, {*place, pages}, terms);
}

std::optional<Refusal> SectionTable::check_hosting(std::string_view name, std::uint64_t pages,
                                                   CellId creator) const {
  if (creator == home_) return std::nullopt;
  if (!is_cell(creator)) return no_cell(creator);
  if (hosting_ == 0) {
    return Refusal{
        Reason::kHostsNone,
        fmt::format("cell {} makes no sections for other cells: make \"{}\" elsewhere, or "
                    "give that cell `hosted: SIZE` in the plan",
                    index_of(home_), name)};
  }
  const auto count = std::count_if(places_.begin(), places_.end(), [this](const auto& each) {
    return each.second.section.creator != home_;
  });
  if (static_cast<std::size_t>(count) >= kMaxHosted) {
    return Refusal{
        Reason::kTooManySections,
        fmt::format("cell {} has {} sections of other cells, which is the limit, so there "
                    "is no room for \"{}\"; destroy one first",
                    index_of(home_), count, name)};
  }
  const std::uint64_t taken = hosted();
  if (taken <= hosting_ && pages <= hosting_ - taken) return std::nullopt;
  return Refusal{
      Reason::kHostsEnough,
      fmt::format("section \"{}\" needs {} pages, but of the {} that cell {} has for other "
                  "cells' sections {} are taken; destroy some, or raise its `hosted`",
                  name, pages, hosting_, index_of(home_), taken)};
}

Result<Section> SectionTable::create_reserved(std::string_view name, std::uint64_t pages) {
  if (auto refusal = check_new(name, pages)) return *std::move(refusal);
  const PageRanges free = free_ranges();
  if (free.empty() || free.back().end() != pages_ || free.back().count < pages) {
    return no_space(name, pages);
  }
  return insert(name, {pages_ - pages, pages}, {});
}

Section SectionTable::insert(std::string_view name, const PageRange& range,
                             const SectionTerms& terms) {
  const CellId creator = terms.creator.value_or(home_);
  Entry entry{{new_id(), std::string(name), range, terms.movable, creator, Stage::kHere}, {}};
  const Section& section = places_.emplace(range.first, std::move(entry)).first->second.section;
  names_.emplace(section.name, range.first);
  ids_.emplace(section.id, range.first);
  return section;
}

PageRanges SectionTable::free_ranges() const {
  PageRanges ranges;
  PageIndex end = 0;
  for (const auto& [place, entry] : places_) {
    append(ranges, {end, place - end});
    end = entry.section.range.end();
  }
  append(ranges, {end, pages_ - end});
  return ranges;
}

std::optional<PageIndex> SectionTable::place_for(std::uint64_t pages,
                                                 const PageRanges& avoid) const {
  const PageRanges free = free_ranges();
  for (const PageRanges& ranges : {without(free, avoid), free}) {
    for (const PageRange& range : ranges) {
      if (range.count >= pages) return range.first;
    }
  }
  return std::nullopt;
}

std::uint64_t SectionTable::longest_free() const {
  std::uint64_t longest = 0;
  for (const PageRange& range : free_ranges()) longest = std::max(longest, range.count);
  return longest;
}

std::uint64_t SectionTable::hosted() const {
  std::uint64_t pages = 0;
  for (const auto& [place, entry] : places_) {
    if (entry.section.creator != home_) pages += entry.section.range.count;
  }
  return pages;
}

std::uint64_t SectionTable::room_for_others() const {
  const std::uint64_t taken = hosted();
  return std::min(longest_free(), hosting_ - std::min(taken, hosting_));
}

Refusal SectionTable::no_space(std::string_view name, std::uint64_t pages) const {
  std::uint64_t total = 0;
  for (const PageRange& range : free_ranges()) total += range.count;
  return {
      Reason::kNoSpace,
      fmt::format("section \"{}\" needs {} pages in a row, but of the {} pages of cell {} {} are "
                  "free, at most {} in a row; destroy sections or ask for fewer pages",
                  name, pages, pages_, index_of(home_), total, longest_free())};
}

SectionId SectionTable::new_id() {
  do {
    last_id_ = SectionId{static_cast<std::uint32_t>(last_id_) + 1};
  } while (last_id_ == SectionId{} || ids_.contains(last_id_));
  return last_id_;
}

Result<Section> SectionTable::open(CellId cell, std::string_view name) {
  if (!is_cell(cell)) return no_cell(cell);
  if (!is_section_name(name)) return bad_name(name);
  const auto found = names_.find(name);
  if (found == names_.end()) {
    return Refusal{Reason::kNoSuchSection,
                   fmt::format("cell {} has no section \"{}\"; its owner has to create it first",
                               index_of(home_), name)};
  }
  Entry& entry = places_.at(found->second);
  if (entry.section.stage != Stage::kHere) return moving(entry.section);
  std::uint16_t& count = entry.opens[index_of(cell)];
  if (count == kMaxOpens) {
    return Refusal{Reason::kTooManyOpens,
                   fmt::format("cell {} has section \"{}\" of cell {} open {} times, which is the "
                               "limit; close it as often as it is opened",
                               index_of(cell), name, index_of(home_), count)};
  }
  ++count;
  return entry.section;
}

std::optional<Refusal> SectionTable::close(CellId cell, SectionId id) {
  if (!is_cell(cell)) return no_cell(cell);
  Entry* entry = entry_of(id);
  if (entry == nullptr) return no_section(id);
  std::uint16_t& count = entry->opens[index_of(cell)];
  if (count == 0) {
    return Refusal{Reason::kNotOpen,
                   fmt::format("cell {} does not have section \"{}\" of cell {} open; close only "
                               "what is open",
                               index_of(cell), entry->section.name, index_of(home_))};
  }
  --count;
  return std::nullopt;
}

void SectionTable::close_all(CellId cell) {
  if (!is_cell(cell)) return;
  for (auto& [place, entry] : places_) entry.opens[index_of(cell)] = 0;
}

Result<Section> SectionTable::destroy(SectionId id, Force force, std::optional<CellId> by) {
  const Entry* entry = entry_of(id);
  if (entry == nullptr) return no_section(id);
  if (is_reserved_name(entry->section.name)) return reserved(entry->section.name);
  if (entry->section.stage != Stage::kHere) return moving(entry->section);
  const WriterSet in_use = users(*entry, by.value_or(home_));
  if (force == Force::kNo && !in_use.empty()) {
    return Refusal{Reason::kInUse,
                   fmt::format("section \"{}\" of cell {} is open in cells {}; close it there, or "
                               "force its end",
                               entry->section.name, index_of(home_), list_of(in_use))};
  }
  Section section = entry->section;
  names_.erase(section.name);
  ids_.erase(id);
  places_.erase(section.range.first);
  return section;
}

void SectionTable::set_stage(SectionId id, Stage stage) {
  if (Entry* entry = entry_of(id)) entry->section.stage = stage;
}

void SectionTable::clear() {
  names_.clear();
  ids_.clear();
  places_.clear();
}

Refusal SectionTable::no_section(SectionId id) const {
  return {Reason::kNoSuchSection,
          fmt::format("cell {} has no section with id {}; look it up by its name", index_of(home_),
                      static_cast<std::uint32_t>(id))};
}

Refusal SectionTable::moving(const Section& section) const {
  return {Reason::kMoving,
          fmt::format("section \"{}\" is being moved {} cell {}; ask again soon", section.name,
                      section.stage == Stage::kComing ? "to" : "from", index_of(home_))};
}

WriterSet SectionTable::users(const Entry& entry, CellId by) {
  WriterSet cells;
  for (unsigned cell = 0; cell < kMaxCells; ++cell) {
    if (entry.opens[cell] != 0) cells.insert(CellId(cell));
  }
  cells.erase(by);
  return cells;
}

const SectionTable::Entry* SectionTable::entry_of(SectionId id) const {
  const auto found = ids_.find(id);
  return found == ids_.end() ? nullptr : &places_.at(found->second);
}

SectionTable::Entry* SectionTable::entry_of(SectionId id) {
  const auto found = ids_.find(id);
  return found == ids_.end() ? nullptr : &places_.at(found->second);
}

std::optional<Section> SectionTable::find(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return places_.at(found->second).section;
}

std::optional<Section> SectionTable::find(SectionId id) const {
  const Entry* entry = entry_of(id);
  if (entry == nullptr) return std::nullopt;
  return entry->section;
}

std::optional<Section> SectionTable::at(PageIndex page) const {
  const auto after = places_.upper_bound(page);
  if (after == places_.begin()) return std::nullopt;
  const Section& section = std::prev(after)->second.section;
  if (page >= section.range.end()) return std::nullopt;
  return section;
}

std::vector<Section> SectionTable::list() const {
  std::vector<Section> sections;
  sections.reserve(places_.size());
  for (const auto& [place, entry] : places_) sections.push_back(entry.section);
  return sections;
}

unsigned SectionTable::opens(SectionId id, CellId cell) const {
  const Entry* entry = entry_of(id);
  return entry == nullptr || !is_cell(cell) ? 0 : entry->opens[index_of(cell)];
}

}  // namespace hive::firewall
