#include "cellmon/firewall/contribution.h"

namespace hive::firewall {

std::vector<CellRevocation> Contribution::hand_over(const PageRange& range) {
  auto revoked = ledger_.revoke_from_all(range).value();
  // With the rights went the marks, so that discarding leaves nothing to protect again.
  (void)ledger_.discard(range);
  return revoked;
}

Result<Handover> Contribution::create_section(std::string_view name, std::uint64_t pages,
                                              const SectionTerms& terms) {
  auto section = sections_.create(name, pages, terms);
  if (!section.ok()) return section.refusal();
  return Handover{section.value(), hand_over(section.value().range)};
}

Result<Handover> Contribution::destroy_section(SectionId id, Force force,
                                               std::optional<CellId> by) {
  auto section = sections_.destroy(id, force, by);
  if (!section.ok()) return section.refusal();
  return Handover{section.value(), hand_over(section.value().range)};
}

Revocation Contribution::drop_cell(CellId cell) {
  if (cell == ledger_.home()) return {};
  sections_.close_all(cell);
  return ledger_.revoke_all(cell);
}

std::vector<CellRevocation> Contribution::clear() {
  sections_.clear();
  return hand_over(ledger_.all());
}

}  // namespace hive::firewall
