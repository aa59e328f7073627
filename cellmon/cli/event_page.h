// What monitors answer to `events.list`, page by page.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "cellmon/wire/cell_status.h"

namespace hive::cli {

/// Up to where a cell's events are known.
struct EventCursor {
  pid_t monitor = 0;           ///< That numbered them: another one counts from 1 again.
  std::uint64_t sequence = 0;  ///< Of the last one; 0: of none.

  /// The events to come are of MONITOR. Whether those until now were of another, or there were
  /// none.
  bool follow(pid_t monitor);
};

/// Adds the events that PAGE has after number AFTER, which is raised, to OUT. Whether there is more
/// to ask for.
bool take_events(const wire::Json& page, std::uint64_t& after, std::vector<wire::Event>& out);

}  // namespace hive::cli
