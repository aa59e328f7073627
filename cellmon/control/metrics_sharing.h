// Metrics of what a cell shares with others, and of Wax.
#pragma once

#include <cstdint>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/metrics/report.h"

namespace hive::control {

/// VALUE as that of a metric.
inline double metric_value(std::uint64_t value) { return static_cast<double>(value); }
inline double metric_value(bool value) { return value ? 1 : 0; }

/// Adds to REPORT what MONITOR knows of loans and hints; where it runs Wax, of Wax.
void add_sharing(metrics::Report& report, const CellMonitor& monitor);

}  // namespace hive::control
