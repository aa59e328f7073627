// What `hive top` shows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cellmon/cli/figures.h"

namespace hive::cli {

/// Cells at one time.
struct TopFrame {
  double time = 0;  ///< Seconds of a monotonic clock.
  std::vector<MachineFigures> machines;
  std::map<std::string, std::string> last_events;  ///< By the cells' full names.
};

/// A line for each cell of NOW, under a heading for each machine; each line at most WIDTH
/// characters long. Rates are those since BEFORE, which may be null: then they are not known.
std::string format_top(const TopFrame* before, const TopFrame& now, std::size_t width);

}  // namespace hive::cli
