// Metrics of many cells as Prometheus reads them, and as JSON for scripts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cellmon/metrics/report.h"

namespace hive::metrics {

/// What a cell's monitor told. Names of machine and cell are unique together.
struct CellReport {
  std::string machine;
  std::string cell;
  std::string problem;  ///< Why there is no report; else empty.
  Report report;
};

/// The media type of what format_prometheus() gives.
inline constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

/// The text format of Prometheus, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats): each family once, with the samples of all
/// CELLS. Whether a cell has a report is its hive_monitor_up.
std::string format_prometheus(std::span<const CellReport> cells);

/// {"machines": [{"machine", "cells": [{"cell", "metrics": [...]} or {"cell", "problem"}]}]}: the
/// cells of a machine stand side by side in CELLS. docs/metrics.md has the members of a metric.
wire::Json to_json(std::span<const CellReport> cells);

}  // namespace hive::metrics
