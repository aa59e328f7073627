#include "cellmon/cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cellmon/wire/text.h"

namespace hive::cli {
namespace {

using metrics::Metric;
using metrics::Report;

/// So much room names have at least, and the last event at least where names are long.
constexpr std::size_t kLeastName = 12;
constexpr std::size_t kLeastEvent = 10;
/// Of a line beside the name and the event.
constexpr std::size_t kFigures = 50;

/// "17", "1.2k", "3.4M": at most five characters.
std::string short_number(double value) {
  if (value < 0) value = 0;
  if (value < 1000) return fmt::format("{:.0f}", value);
  for (const char* unit : {"k", "M", "G", "T"}) {
    value /= 1000;
    if (value < 9.95) return fmt::format("{:.1f}{}", value, unit);
    if (value < 999.5) return fmt::format("{:.0f}{}", value, unit);
  }
  return "many";
}

/// "98.4M": at most six characters.
std::string short_size(double bytes) {
  for (const char* unit : {"K", "M", "G", "T"}) {
    bytes /= 1024;
    if (bytes < 99.95) return fmt::format("{:.1f}{}", bytes, unit);
    if (bytes < 1023.5) return fmt::format("{:.0f}{}", bytes, unit);
  }
  return "many";
}

const CellFigures* find(const TopFrame& frame, const wire::CellAddress& address) {
  for (const MachineFigures& machine : frame.machines) {
    for (const CellFigures& cell : machine.cells) {
      if (cell.view.address.full_name() == address.full_name()) return &cell;
    }
  }
  return nullptr;
}

/// Two looks at one cell, between which no VMM of it has begun.
struct Interval {
  const Report& before;
  const Report& after;
  double seconds;

  /// What METRIC, of which all samples count, grew by in a second. Nothing where a look had none of
  /// it, as when a VMM did not answer, or less than before: then it does not count the same.
  [[nodiscard]] std::optional<double> rate(Metric metric) const {
    if (!before.has(metric) || !after.has(metric)) return std::nullopt;
    const double growth = after.sum(metric) - before.sum(metric);
    return growth < 0 ? std::nullopt : std::optional(growth / seconds);
  }
};

std::optional<Interval> interval_of(const TopFrame* before, const TopFrame& now,
                                    const CellFigures& cell) {
  if (before == nullptr || now.time <= before->time) return std::nullopt;
  const CellFigures* old = find(*before, cell.view.address);
  if (old == nullptr || !old->view.problem.empty() || !old->view.status || !cell.view.status ||
      old->view.status->incarnation != cell.view.status->incarnation) {
    return std::nullopt;
  }
  return Interval{old->report, cell.report, now.time - before->time};
}

std::string format_rate(const std::optional<Interval>& interval, Metric metric) {
  const auto rate = interval ? interval->rate(metric) : std::nullopt;
  return rate ? short_number(*rate) : "-";
}

/// Writes of CELL that homes of MACHINE have stopped.
double violations_of(const MachineFigures& machine, const std::string& cell) {
  double count = 0;
  for (const CellFigures& home : machine.cells) {
    count += home.report.value(Metric::kViolations, {cell}).value_or(0);
  }
  return count;
}

struct Line {
  std::string cell, state, epoch, load, exits, memory, violations, rpc, event;
};

const Line kTitles{"cell",   "state", "epoch", "cpu%",      "exit/s",
                   "memory", "viol",  "rpc/s", "last event"};

/// NAME, without its middle where it is longer than WIDTH: names of one machine often differ at
/// their ends alone.
std::string shorten(const std::string& name, std::size_t width) {
  constexpr std::string_view kGap = "..";
  if (name.size() <= width) return name;
  const std::size_t kept = width - kGap.size();
  return name.substr(0, kept / 2).append(kGap).append(name.substr(name.size() - (kept + 1) / 2));
}

/// How wide the names of NOW's cells may be where lines have WIDTH.
std::size_t name_width_of(const TopFrame& now, std::size_t width) {
  constexpr std::size_t kRest = kFigures + kLeastEvent;
  const std::size_t room = std::max(width, kRest + kLeastName) - kRest;
  std::size_t name_width = kTitles.cell.size();
  for (const MachineFigures& machine : now.machines) {
    for (const CellFigures& cell : machine.cells) {
      name_width = std::max(name_width, std::min(cell.view.address.cell.size(), room));
    }
  }
  return name_width;
}

std::string format(const Line& line, std::size_t name_width, std::size_t width) {
  std::string text =
      fmt::format("{:<{}}  {:<9} {:>5} {:>5} {:>6} {:>6} {:>5} {:>5}  {}",
                  shorten(line.cell, name_width), name_width, line.state, line.epoch, line.load,
                  line.exits, line.memory, line.violations, line.rpc, line.event);
  text.resize(std::min(text.size(), width));
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

Line line_of(const TopFrame* before, const TopFrame& now, const MachineFigures& machine,
             const CellFigures& cell) {
  const std::string& name = cell.view.address.cell;
  Line line;
  line.cell = wire::printable(name, 64);
  const auto event = now.last_events.find(cell.view.address.full_name());
  if (event != now.last_events.end()) line.event = wire::printable(event->second, 512);
  line.violations = short_number(violations_of(machine, name));
  if (!cell.view.status || !cell.view.problem.empty()) {
    line.state = "lost";
    line.event = cell.view.problem;
    line.epoch = line.load = line.exits = line.memory = line.rpc = "-";
    return line;
  }
  const wire::CellStatus& status = *cell.view.status;
  line.state = status.view.suspended ? "suspended" : std::string(to_string(status.state));
  line.epoch = short_number(static_cast<double>(status.view.epoch));
  line.load = short_number(static_cast<double>(status.load));
  line.memory = short_size(static_cast<double>(status.memory) + cell.report.sum(Metric::kOverhead));
  const auto interval = interval_of(before, now, cell);
  line.exits = format_rate(interval, Metric::kExits);
  line.rpc = format_rate(interval, Metric::kVsockPackets);
  return line;
}

}  // namespace

std::string format_top(const TopFrame* before, const TopFrame& now, std::size_t width) {
  if (now.machines.empty()) return "no machine runs\n";
  const std::size_t name_width = name_width_of(now, width);
  std::string text;
  for (const MachineFigures& machine : now.machines) {
    std::string heading = fmt::format("machine {}, {} cells", wire::printable(machine.name, 64),
                                      machine.cells.size());
    heading.resize(std::min(heading.size(), width));
    text += heading + "\n" + format(kTitles, name_width, width);
    for (const CellFigures& cell : machine.cells) {
      text += format(line_of(before, now, machine, cell), name_width, width);
    }
  }
  return text;
}

}  // namespace hive::cli
