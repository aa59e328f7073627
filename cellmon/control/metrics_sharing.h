// Metrics of what a cell shares with others, and of Wax.
#pragma once

#include "cellmon/control/cell_monitor.h"
#include "cellmon/metrics/report.h"

namespace hive::control {

/// Adds to REPORT what MONITOR knows of loans and hints; where it runs Wax, of Wax.
void add_sharing(metrics::Report& report, const CellMonitor& monitor);

}  // namespace hive::control
