// Metrics for people.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cellmon/metrics/exposition.h"

namespace hive::cli {

/// VALUE of a metric NAME as people say it: "12.3 ms" where the name ends with the unit's, as
/// Prometheus's do, "1.5 MiB", else a number.
std::string format_value(std::string_view name, double value);

/// A table for each machine in CELLS, a column for each cell; wide ones in several. Labelled
/// samples that are 0 for all cells are left out. Of histograms the count, the median and the 99th
/// percentile.
std::string format_metrics(std::span<const metrics::CellReport> cells);

}  // namespace hive::cli
