// What a cell's guest gives back of its memory, is lent beyond it, and says of it.
#include <fmt/format.h>

#include <algorithm>

#include "cellmon/control/cell_monitor.h"

namespace hive::control {

std::string CellMonitor::set_balloon(std::uint64_t bytes) {
  std::string refusal = balloon_.set(bytes);
  if (!refusal.empty()) return refusal;
  add_event({"balloon", fmt::format("the guest is to give back {}", format_size(bytes))});
  sharing_->by_hand_changed();
  return {};
}

std::uint64_t CellMonitor::ballooned() const {
  return std::min(watch_.balloon_pages(), settings_.cell().memory / kPageSize) * kPageSize;
}

std::string CellMonitor::set_spare(std::uint64_t bytes) {
  const std::uint64_t lent = sharing_->totals().borrowed * policy::kBlockBytes;
  if (bytes > spare_.target() && bytes + lent > spare_.most() && bytes <= spare_.most()) {
    return fmt::format("others lend the cell {}; {} more can be plugged in at most",
                       format_size(lent), format_size(spare_.most() - lent));
  }
  std::string refusal = spare_.set(bytes);
  if (!refusal.empty()) return refusal;
  add_event({"plug", fmt::format("the guest is to have {} plugged in", format_size(bytes))});
  sharing_->by_hand_changed();
  return {};
}

std::uint64_t CellMonitor::plugged() const {
  return std::min(watch_.plugged_bytes(), settings_.cell().spare);
}

void CellMonitor::note_load(const hive_agent_load& load) {
  load_ = load;
  members_->set_memory(load);
  sharing_->note_load(load);
}

}  // namespace hive::control
