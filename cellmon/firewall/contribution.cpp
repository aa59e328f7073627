#include "cellmon/firewall/contribution.h"

#include <fmt/format.h>

#include <utility>

namespace hive::firewall {

std::vector<CellRevocation> Contribution::hand_over(const PageRange& range) {
  auto revoked = ledger_.revoke_from_all(range).value();
  // With the rights went the marks, so that discarding leaves nothing to protect again.
  (void)ledger_.discard(range);
  return revoked;
}

Refusal Contribution::explain(Refusal refusal, const Forwarding* forwarding) const {
  if (refusal.reason != Reason::kNoSuchSection || forwarding == nullptr) return refusal;
  return {Reason::kMoved,
          fmt::format("section \"{}\" has moved from cell {} to cell {}; open it there",
                      forwarding->name, index_of(ledger_.home()), index_of(forwarding->home))};
}

Result<Handover> Contribution::create_section(std::string_view name, std::uint64_t pages,
                                              const SectionTerms& terms) {
  auto section = sections_.create(name, pages, terms, former_places_.pages());
  if (!section.ok()) return section.refusal();
  forwardings_.forget(name);
  return Handover{section.value(), hand_over(section.value().range)};
}

Result<Handover> Contribution::destroy_section(SectionId id, Force force,
                                               std::optional<CellId> by) {
  auto section = sections_.destroy(id, force, by);
  if (!section.ok()) return explain(section.refusal(), forwardings_.find(id));
  return Handover{section.value(), hand_over(section.value().range)};
}

Result<Section> Contribution::open_section(CellId cell, std::string_view name) {
  auto section = sections_.open(cell, name);
  if (section.ok()) return section;
  return explain(section.refusal(), forwardings_.find(name));
}

std::optional<Refusal> Contribution::close_section(CellId cell, SectionId id) {
  auto refusal = sections_.close(cell, id);
  if (refusal) refusal = explain(*std::move(refusal), forwardings_.find(id));
  return refusal;
}

Result<FrozenSection> Contribution::freeze_section(SectionId id) {
  const auto section = sections_.find(id);
  const CellId home = ledger_.home();
  if (!section) {
    return Refusal{Reason::kNoSuchSection,
                   fmt::format("cell {} has no section with number {}", index_of(home),
                               static_cast<std::uint32_t>(id))};
  }
  if (!section->movable) {
    return Refusal{Reason::kNotMovable,
                   fmt::format("section \"{}\" was not made to be moved", section->name)};
  }
  if (section->stage != Stage::kHere) {
    return Refusal{Reason::kMoving,
                   fmt::format("section \"{}\" is being moved already", section->name)};
  }
  if (sections_.opens(id, home) > 0) {
    return Refusal{Reason::kInUse,
                   fmt::format("programs of its home have section \"{}\" open, and nothing keeps "
                               "those from writing; close it there",
                               section->name)};
  }
  sections_.set_stage(id, Stage::kLeaving);
  FrozenSection frozen{*sections_.find(id), rights_of(ledger_, section->range), {}};
  frozen.reprotect = ledger_.freeze(section->range);
  return frozen;
}

void Contribution::thaw_section(SectionId id) {
  const auto section = sections_.find(id);
  if (!section || section->stage != Stage::kLeaving) return;
  ledger_.thaw(section->range);
  sections_.set_stage(id, Stage::kHere);
}

Handover Contribution::forward_section(SectionId id, CellId home, SectionId to,
                                       const PageRange& place) {
  thaw_section(id);
  auto left = sections_.destroy(id, Force::kYes);
  if (!left.ok()) return {};
  const Section& section = left.value();
  Handover handover{section, hand_over(section.range)};
  WriterSet writers;
  for (const CellRevocation& each : handover.revoked) writers.insert(each.cell);
  former_places_.note(section.range, writers);
  forwardings_.note(id, {section.name, home, to, place});
  return handover;
}

Result<Handover> Contribution::reserve_section(std::string_view name, std::uint64_t pages,
                                               const SectionTerms& terms) {
  auto section = sections_.create(name, pages, terms, former_places_.pages());
  if (!section.ok()) return section.refusal();
  const Section& made = section.value();
  sections_.set_stage(made.id, Stage::kComing);
  Handover handover{*sections_.find(made.id), hand_over(made.range)};
  (void)ledger_.freeze(made.range);
  return handover;
}

Section Contribution::admit_section(SectionId id, const SectionRights& rights) {
  const auto section = sections_.find(id);
  if (!section || section->stage != Stage::kComing) return {};
  ledger_.thaw(section->range);
  sections_.set_stage(id, Stage::kHere);
  forwardings_.forget(section->name);
  restore_rights(ledger_, section->range, rights);
  return *sections_.find(id);
}

void Contribution::release_section(SectionId id) {
  const auto section = sections_.find(id);
  if (!section || section->stage != Stage::kComing) return;
  ledger_.thaw(section->range);
  sections_.set_stage(id, Stage::kHere);
  (void)sections_.destroy(id, Force::kYes);
  (void)hand_over(section->range);
}

Revocation Contribution::drop_cell(CellId cell) {
  if (cell == ledger_.home()) return {};
  sections_.close_all(cell);
  return ledger_.revoke_all(cell);
}

std::vector<CellRevocation> Contribution::clear() {
  for (const Section& section : sections_.list()) ledger_.thaw(section.range);
  sections_.clear();
  forwardings_.clear();
  former_places_.clear();
  return hand_over(ledger_.all());
}

}  // namespace hive::firewall
