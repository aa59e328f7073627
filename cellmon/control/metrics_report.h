// A cell's metrics, as its monitor knows them: docs/metrics.md.
#pragma once

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/metrics_memory.h"
#include "cellmon/control/vsock/counter_desk.h"
#include "cellmon/metrics/report.h"

namespace hive::control {

/// VSOCK is what the VMM has just told of its vsock; MEMORY is the monitor's, the same each time.
/// Takes the same time however much memory the cell has.
metrics::Report collect_metrics(const CellMonitor& monitor, const CounterDesk::Answer& vsock,
                                MetricsMemory& memory);

}  // namespace hive::control
