// What monitors tell of their cells at one time: status, metrics and events.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/cli/event_page.h"
#include "cellmon/cli/machines.h"
#include "cellmon/metrics/exposition.h"

namespace hive::cli {

struct CellFigures {
  CellView view;  ///< With a `problem` where there is no report either.
  metrics::Report report;
  std::vector<wire::Event> events;  ///< Those that were asked for.
  bool begins_anew = false;         ///< `events` are of another monitor than any before.
};

struct MachineFigures {
  std::string name;
  std::vector<CellFigures> cells;  ///< In the plan's order; lost ones included.
};

/// The last event that is known of each cell, by its full name.
using EventCursors = std::map<std::string, EventCursor>;

/// Asks every monitor of this user (only of MACHINE, unless that is empty), all at once; within 2
/// seconds, whoever does not answer. With EVENTS also for events after those, which it then knows
/// as well.
std::vector<MachineFigures> fetch_figures(const std::string& machine,
                                          EventCursors* events = nullptr);

/// For metrics::format_prometheus() and metrics::to_json(): CELL only, unless that is empty.
std::vector<metrics::CellReport> reports_of(std::vector<MachineFigures> machines,
                                            const std::string& cell = {});

}  // namespace hive::cli
