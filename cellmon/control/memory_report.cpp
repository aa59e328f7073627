#include "cellmon/control/memory_report.h"

#include <algorithm>
#include <utility>

#include "vmm/base/units.h"

namespace hive::control {
namespace {

using wire::Json;

/// Sections that have left lately, of which a client is told.
constexpr std::size_t kMostMovedTold = 64;

Json describe_peers(const GlobalMemory& global) {
  Json peers = Json::array();
  for (unsigned cell = 0; cell < global.names().size(); ++cell) {
    if (cell == global.own()) continue;
    const auto id = static_cast<CellId>(cell);
    Json peer{{"cell", global.names()[cell]},
              {"size", global.sizes()[cell]},
              {"state", to_string(global.peer_state(cell))},
              {"closed", global.is_closed(cell)},
              {"closings", global.closings(cell)},
              {"writable", 0},
              {"written", 0}};
    if (global.is_home()) {
      peer["writable"] = global.gatekeeper().ledger().count_writable(id);
      peer["written"] = global.gatekeeper().ledger().count_written(id);
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

Json describe_section(const GlobalMemory& global, const firewall::Section& section) {
  Json users = Json::array();
  for (unsigned cell = 0; cell < global.names().size(); ++cell) {
    if (global.gatekeeper().sections().opens(section.id, static_cast<CellId>(cell)) > 0) {
      users.push_back(global.names()[cell]);
    }
  }
  return {{"id", static_cast<std::uint32_t>(section.id)},
          {"name", section.name},
          {"first", section.range.first},
          {"pages", section.range.count},
          {"users", std::move(users)},
          {"creator", global.names()[static_cast<std::size_t>(section.creator)]},
          {"movable", section.movable},
          {"moving", section.stage != firewall::Stage::kHere},
          {"coming", section.stage == firewall::Stage::kComing}};
}

Json describe_moved(const GlobalMemory& global) {
  Json moved = Json::array();
  if (!global.is_home()) return moved;
  const auto& forwardings = global.gatekeeper().forwardings().list();
  std::size_t skipped = forwardings.size() - std::min(forwardings.size(), kMostMovedTold);
  for (const auto& [id, each] : forwardings) {
    if (skipped > 0) {
      --skipped;
      continue;
    }
    moved.push_back({{"id", static_cast<std::uint32_t>(id)},
                     {"name", each.name},
                     {"home", global.names()[static_cast<std::size_t>(each.home)]},
                     {"first", each.range.first},
                     {"pages", each.range.count}});
  }
  return moved;
}

}  // namespace

Json describe_memory(const GlobalMemory& global, firewall::PageIndex first, std::size_t max_bytes) {
  const std::uint64_t size = global.sizes()[global.own()];
  Json memory{{"cell", global.names()[global.own()]},
              {"size", size},
              {"pages", size / kPageSize},
              {"violations", global.is_home() ? global.gatekeeper().violations() : 0},
              {"memory_failures", global.memory_failures()},
              {"peers", describe_peers(global)},
              {"moved", describe_moved(global)}};
  Json sections = Json::array();
  bool more = false;
  if (global.is_home()) {
    std::size_t bytes = memory.dump().size();
    for (const firewall::Section& section : global.gatekeeper().sections().list()) {
      if (section.range.first < first) continue;
      Json described = describe_section(global, section);
      bytes += described.dump().size() + 1;
      more = bytes > max_bytes && !sections.empty();
      if (more) break;
      sections.push_back(std::move(described));
    }
  }
  memory["sections"] = std::move(sections);
  memory["more"] = more;
  return memory;
}

Json describe_rights(const RightsPart& part, const std::vector<std::string>& names,
                     firewall::PageIndex start) {
  Json rights = Json::array();
  for (const Right& right : part.rights) {
    rights.push_back({{"cell", names[static_cast<std::size_t>(right.cell)]},
                      {"first", right.range.first - start},
                      {"pages", right.range.count},
                      {"written", right.written}});
  }
  return {{"rights", std::move(rights)}, {"next", part.next}};
}

}  // namespace hive::control
