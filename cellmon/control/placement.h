// A monitor's part in where sections of global memory are: docs/placement.md.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>

#include "cellmon/control/deadline.h"
#include "cellmon/control/global_memory.h"
#include "cellmon/control/members.h"
#include "cellmon/placement/section_figures.h"
#include "cellmon/placement/use_counts.h"

namespace hive::control {

/// Tells the others, by the cell's state page, of its sections that may be moved and of those that
/// its programs use. Single-threaded.
class Placement {
 public:
  /// Of a machine of CELLS cells. GLOBAL and MEMBERS outlive this object.
  Placement(boost::asio::io_context& loop, std::size_t cells, GlobalMemory& global,
            Members& members);

  void start() { publish(); }
  /// What its programs have said ends with them.
  void vmm_ended() { uses_.clear(); }

 private:
  void publish();
  [[nodiscard]] placement::HomeUses own_uses(const hive_state_uses& by_own) const;
  [[nodiscard]] std::vector<placement::SectionFigures> movable() const;

  std::size_t cells_;
  GlobalMemory& global_;
  Members& members_;
  placement::UseCounts uses_;
  Deadline look_;
};

}  // namespace hive::control
