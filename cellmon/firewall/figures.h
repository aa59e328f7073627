// What a home's firewall has done, in numbers.
#pragma once

#include <array>
#include <cstdint>

#include "cellmon/metrics/histogram.h"
#include "vmm/base/ids.h"

namespace hive::firewall {

/// Since the monitor's start.
struct Figures {
  std::uint64_t granted_pages = 0;  ///< That the cell could not write before.
  std::uint64_t revoked_pages = 0;  ///< That it could; also when it lost all.
  std::uint64_t opened_pages = 0;   ///< By a first write that was allowed.
  metrics::Histogram grants;        ///< How long each took.
  metrics::Histogram revokes;
  /// From the look at a write that is a violation to its VMM's word that it was stopped.
  metrics::Histogram violations;
  std::array<std::uint64_t, kMaxCells> violations_of{};  ///< Of each cell.
};

}  // namespace hive::firewall
