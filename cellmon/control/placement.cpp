#include "cellmon/control/placement.h"

#include <chrono>
#include <utility>
#include <vector>

#include "vmm/base/monotonic.h"

namespace hive::control {
namespace {

constexpr std::chrono::milliseconds kPlacementPeriod{500};

}  // namespace

Placement::Placement(boost::asio::io_context& loop, std::size_t cells, GlobalMemory& global,
                     Members& members)
    : cells_(cells), global_(global), members_(members), look_(loop) {
  global_.set_on_used([this](CellId home, std::uint32_t number, std::uint64_t count) {
    uses_.note(home, number, count, monotonic_now());
  });
}

void Placement::publish() {
  look_.arm(kPlacementPeriod, [this] { publish(); });
  hive_state_uses uses{};
  uses_.fill(uses, monotonic_now());
  members_.set_uses(uses);
  if (!global_.is_home()) return;
  members_.set_sections(placement::most_used(movable(), own_uses(uses)));
}

placement::HomeUses Placement::own_uses(const hive_state_uses& by_own) const {
  placement::HomeUses uses{static_cast<CellId>(global_.own())};
  uses.add(by_own);
  for (std::size_t cell = 0; cell < cells_; ++cell) {
    if (cell == global_.own()) continue;
    const auto page = members_.read_page(static_cast<CellId>(cell));
    if (page && page->has_uses) uses.add(page->uses);
  }
  return uses;
}

std::vector<placement::SectionFigures> Placement::movable() const {
  std::vector<placement::SectionFigures> sections;
  for (const firewall::Section& section : global_.gatekeeper().sections().list()) {
    if (!section.movable || section.stage == firewall::Stage::kComing) continue;
    sections.push_back({static_cast<std::uint32_t>(section.id), section.range.count,
                        section.stage == firewall::Stage::kLeaving});
  }
  return sections;
}

}  // namespace hive::control
