#include "cellmon/cli/metrics_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "cellmon/cli/table.h"

namespace hive::cli {
namespace {

using metrics::CellReport;
using metrics::Family;
using metrics::Histogram;
using metrics::Metric;
using Cells = std::span<const CellReport>;

constexpr std::size_t kColumns = 6;  // Of cells, in one table.

struct Unit {
  double size;
  const char* name;
};

/// VALUE in the largest of UNITS, in descending order, that it has at least one of.
std::string in_units(double value, std::span<const Unit> units) {
  if (value == 0) return fmt::format("0 {}", units.back().name);
  for (const Unit& unit : units) {
    if (std::fabs(value) >= unit.size)
      return fmt::format("{:.4g} {}", value / unit.size, unit.name);
  }
  return fmt::format("{:.4g} {}", value / units.back().size, units.back().name);
}

std::string seconds(double value) {
  static constexpr std::array<Unit, 4> kUnits{{{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  return value == 0 ? "0 s" : in_units(value, kUnits);
}

/// The line that a sample belongs to, and what each cell has there.
struct Row {
  std::string name;
  std::vector<std::string> values;
  bool is_noteworthy = false;
};

/// NAME with its labels: "hive_cell_state state=running".
std::string title(const Family& family, const std::vector<std::string>& labels) {
  std::string text(family.name);
  for (std::size_t index = 0; index < labels.size(); ++index) {
    text += fmt::format(" {}={}", family.labels.at(index), labels[index]);
  }
  return text;
}

void add_scalar(std::vector<Row>& rows, Cells cells, const Family& family) {
  std::map<std::vector<std::string>, Row> found;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    const auto samples = cells[column].report.samples().find(family.metric);
    if (samples == cells[column].report.samples().end()) continue;
    for (const metrics::Sample& sample : samples->second) {
      Row& row = found[sample.labels];
      row.values.resize(cells.size(), "-");
      row.values[column] = format_value(family.name, sample.value);
      row.is_noteworthy = row.is_noteworthy || sample.value != 0 || sample.labels.empty();
    }
  }
  for (auto& [labels, row] : found) {
    row.name = title(family, labels);
    rows.push_back(std::move(row));
  }
}

void add_histogram(std::vector<Row>& rows, Cells cells, const Family& family) {
  Row count{std::string(family.name) + " count", {}, true};
  Row median{std::string(family.name) + " median, at most", {}, false};
  Row tail{std::string(family.name) + " 99 %, at most", {}, false};
  bool is_there = false;
  for (const CellReport& cell : cells) {
    const auto found = cell.report.histograms().find(family.metric);
    const bool has_it = found != cell.report.histograms().end();
    is_there = is_there || has_it;
    const bool has_any = has_it && found->second.count() > 0;
    const auto share = [&](double part) {
      return has_any ? seconds(static_cast<double>(found->second.quantile(part)) / 1e9) : "-";
    };
    count.values.push_back(has_it ? std::to_string(found->second.count()) : "-");
    median.values.push_back(share(0.5));
    tail.values.push_back(share(0.99));
    median.is_noteworthy = tail.is_noteworthy = median.is_noteworthy || has_any;
  }
  if (!is_there) return;
  for (Row* row : {&count, &median, &tail}) rows.push_back(std::move(*row));
}

/// The table of CELLS, of one machine, that have a report.
std::string format_part(Cells cells) {
  std::vector<Row> rows;
  for (const Family& family : metrics::catalogue()) {
    if (family.type == metrics::Type::kHistogram) {
      add_histogram(rows, cells, family);
    } else {
      add_scalar(rows, cells, family);
    }
  }
  std::vector<TableRow> table{{"metric"}};
  for (const CellReport& cell : cells) table.front().push_back(cell.cell);
  for (const Row& row : rows) {
    if (!row.is_noteworthy) continue;
    table.push_back({row.name});
    table.back().insert(table.back().end(), row.values.begin(), row.values.end());
  }
  return format_table(table, "l" + std::string(cells.size(), 'r'));
}

}  // namespace

std::string format_value(std::string_view name, double value) {
  static constexpr std::array<Unit, 5> kBytes{
      {{0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}, {1, "B"}}};
  constexpr std::string_view kTotal = "_total";
  if (name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
  if (name.ends_with("_seconds")) return seconds(value);
  if (name.ends_with("_bytes")) return in_units(value, kBytes);
  return std::trunc(value) == value && std::fabs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                               : fmt::format("{:.4g}", value);
}

std::string format_metrics(Cells cells) {
  std::string text;
  while (!cells.empty()) {
    const std::string& machine = cells.front().machine;
    const auto end = std::find_if(cells.begin(), cells.end(),
                                  [&](const CellReport& cell) { return cell.machine != machine; });
    text += fmt::format("machine {}\n", machine);
    std::vector<CellReport> told;
    for (const CellReport& cell : cells.first(static_cast<std::size_t>(end - cells.begin()))) {
      if (cell.problem.empty()) {
        told.push_back(cell);
      } else {
        text += format_table({{cell.cell, cell.problem}}, "ll");
      }
    }
    for (Cells rest(told); !rest.empty();) {
      const std::size_t count = std::min(rest.size(), kColumns);
      text += format_part(rest.first(count));
      rest = rest.subspan(count);
    }
    cells = cells.subspan(static_cast<std::size_t>(end - cells.begin()));
  }
  return text;
}

}  // namespace hive::cli
