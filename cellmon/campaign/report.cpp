#include "cellmon/campaign/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cellmon/campaign/paper_table.h"
#include "cellmon/campaign/plots.h"
#include "cellmon/campaign/statistics.h"

namespace hive::campaign {
namespace {

constexpr std::size_t kMaxListed = 200;

std::string percent(double part) { return fmt::format("{:.3g} %", part * 100); }

std::string ms(double value) { return fmt::format("{:.{}f}", value, value < 100 ? 2 : 0); }

std::vector<std::string> outcome_row(const std::string& name, const Summary& summary) {
  return {name,
          std::to_string(summary.injected),
          std::to_string(summary.count(Outcome::kContained)),
          std::to_string(summary.count(Outcome::kEscaped)),
          std::to_string(summary.count(Outcome::kUndetected)),
          std::to_string(summary.count(Outcome::kNotRestored)),
          std::to_string(summary.count(Outcome::kRefused)),
          std::to_string(summary.noticed),
          std::to_string(summary.put_out),
          percent(summary.escape_bound())};
}

std::string headline(const Summary& all) {
  if (all.injected == 0) return "No fault was injected yet.";
  const std::uint64_t escapes = all.count(Outcome::kEscaped);
  const std::uint64_t looked_at = all.injected - all.unchecked;
  const std::string left_out =
      all.unchecked == 0 ? ""
                         : fmt::format(
                               " {} are not in this bound: nobody looked at the work of all "
                               "of their survivors.",
                               all.unchecked);
  return fmt::format(
      "{} faults were injected. {} With 95 % confidence a fault of this mix escapes with a "
      "probability of at most {} (Clopper and Pearson's bound; without escapes about 3 / {}).{}",
      all.injected,
      escapes == 0 ? std::string("None escaped: no survivor of any was hurt.")
                   : fmt::format("{} escaped: they hurt a survivor.", escapes),
      percent(all.escape_bound()), looked_at, left_out);
}

void add_outcomes(const Statistics& statistics, Document& report) {
  Table table{{"class of fault", "injected", "contained", "escaped", "undetected", "not restored",
               "refused", "noticed", "put out", "escapes, 95 % bound"},
              {}};
  for (const auto& [name, group] : statistics.groups) {
    table.rows.push_back(outcome_row(name, group));
  }
  table.rows.push_back(outcome_row("all", statistics.all));
  report.parts.emplace_back(Heading{"Containment"});
  report.parts.emplace_back(std::move(table));
  if (statistics.groups.empty()) return;
  report.parts.emplace_back(
      Figure{"Outcomes by class of fault, with the number of runs.", plot_outcomes(statistics)});
  report.parts.emplace_back(Figure{
      "Upper bound on the probability of an escape (95 %), by class; where there were escapes, "
      "their share in the other colour.",
      plot_bounds(statistics)});
}

std::vector<std::string> latency_row(const std::string& name, const Distribution& times) {
  return {name,
          std::to_string(times.values.size()),
          ms(times.mean()),
          ms(times.quantile(0.5)),
          ms(times.quantile(0.95)),
          ms(times.quantile(0.99)),
          ms(times.maximum())};
}

void add_latencies(const Statistics& statistics, Document& report) {
  report.parts.emplace_back(Heading{"Latencies"});
  std::string meanings;
  for (const Latency latency : kLatencies) {
    const auto found = statistics.all.latencies.find(latency);
    if (found == statistics.all.latencies.end()) continue;
    meanings += fmt::format("{}{}: {}", meanings.empty() ? "" : "; ", name_of(latency),
                            meaning_of(latency));
    Table table{{name_of(latency) + ", ms", "runs", "mean", "median", "95 %", "99 %", "maximum"},
                {}};
    std::vector<Curve> curves;
    std::size_t place = 0;
    for (const auto& [name, group] : statistics.groups) {
      const std::size_t own = place++;
      const auto times = group.latencies.find(latency);
      if (times == group.latencies.end()) continue;
      table.rows.push_back(latency_row(name, times->second));
      curves.push_back({name, own, &times->second});
    }
    table.rows.push_back(latency_row("all", found->second));
    report.parts.emplace_back(std::move(table));
    report.parts.emplace_back(
        Figure{fmt::format("{}: {}. The part of the runs that took no longer.", name_of(latency),
                           meaning_of(latency)),
               plot_distributions(curves)});
  }
  if (meanings.empty()) {
    report.parts.emplace_back(Paragraph{"No fault was noticed."});
    return;
  }
  report.parts.emplace_back(
      Paragraph{meanings +
                ". Times are the monitors' events', by one clock. A fault that kills or stops a "
                "monitor strikes a tenth of a second after it was asked for, which counts."});
}

std::vector<std::string> paper_cells(const PaperRow& row, const Summary* ours) {
  std::vector<std::string> cells{std::string(row.what), std::to_string(row.tests),
                                 std::to_string(row.average), std::to_string(row.maximum)};
  if (ours == nullptr) {
    cells.insert(cells.end(), {"0", "", "", "", "", ""});
    return cells;
  }
  cells.push_back(std::to_string(ours->injected));
  cells.push_back(std::to_string(ours->count(Outcome::kEscaped)));
  for (const Latency latency : {Latency::kEverywhere, Latency::kDetection}) {
    const auto found = ours->latencies.find(latency);
    const bool has = found != ours->latencies.end();
    cells.push_back(has ? ms(found->second.mean()) : "none");
    cells.push_back(has ? ms(found->second.maximum()) : "none");
  }
  return cells;
}

void add_paper(const Statistics& statistics, Document& report) {
  report.parts.emplace_back(Heading{"Beside Table 7.4"});
  Table table{{"test", "paper: tests", "paper: average", "paper: maximum", "here: injected",
               "here: escaped", "here: average", "here: maximum", "here: detection, average",
               "here: detection, maximum"},
              {}};
  for (const PaperRow& row : paper_table()) {
    const auto found = statistics.paper_rows.find(std::string(row.name));
    table.rows.push_back(
        paper_cells(row, found == statistics.paper_rows.end() ? nullptr : &found->second));
  }
  report.parts.emplace_back(std::move(table));
  report.parts.emplace_back(Paragraph{
      "Average and maximum are milliseconds from the fault until recovery had begun on all cells. "
      "The paper's columns are the published figures of Hive on a simulated machine of four 200 "
      "MHz processors and four cells (SOSP 1995, Table 7.4, recalled); in all of its tests the "
      "fault was contained. Here, runs count whose fault the campaign's file assigns to the row."});
}

void add_exceptions(const ReportSource& source, Document& report) {
  Table table{{"run", "fault", "outcome", "why", "to repeat it"}, {}};
  std::size_t left_out = 0;
  for (const Outcome outcome :
       {Outcome::kEscaped, Outcome::kNotRestored, Outcome::kUndetected, Outcome::kRefused}) {
    for (const Record& record : source.records) {
      if (record.outcome != outcome) continue;
      if (table.rows.size() == kMaxListed) {
        ++left_out;
        continue;
      }
      std::string why;
      for (const std::string& reason : record.reasons) why += (why.empty() ? "" : "; ") + reason;
      table.rows.push_back({std::to_string(record.drawn.run), describe(record.drawn),
                            std::string(to_string(outcome)), why,
                            repetition_of(record, source.file)});
    }
  }
  report.parts.emplace_back(Heading{"What was not contained and restored"});
  if (table.rows.empty()) {
    report.parts.emplace_back(Paragraph{"Nothing."});
    return;
  }
  report.parts.emplace_back(std::move(table));
  if (left_out > 0) {
    report.parts.emplace_back(Paragraph{fmt::format("{} more are in the file of runs.", left_out)});
  }
}

std::string workload_of(const Campaign& campaign) {
  return std::holds_alternative<MicroWork>(campaign.workload)
             ? "micro guests that fill memory from a seed, go on changing it in a known way, and "
               "verify all of it"
             : "commands in the guests, whose output and exit status are compared with reference "
               "copies";
}

}  // namespace

std::string repetition_of(const Record& record, const std::string& file) {
  std::string runs;
  for (const std::uint64_t run : record.earlier) runs += std::to_string(run) + ",";
  return fmt::format("hive campaign {} --seed {} --only {}{}", file, record.seed, runs,
                     record.drawn.run);
}

Document make_report(const ReportSource& source) {
  const Statistics statistics = summarize(source.records);
  Document report{"Fault campaign " + source.campaign.name, {}};
  report.parts.emplace_back(Paragraph{headline(statistics.all)});
  double hours = 0;
  for (const Record& record : source.records) hours += static_cast<double>(record.took_ms) / 3.6e6;
  report.parts.emplace_back(Paragraph{fmt::format(
      "{} of {} runs, seed {}, on machines of {} cells ({}), which took {:.2f} hours of a machine. "
      "Workload: {}.",
      source.records.size(), source.runs, source.seed, source.cells, source.campaign.machine, hours,
      workload_of(source.campaign))});
  add_outcomes(statistics, report);
  add_latencies(statistics, report);
  add_paper(statistics, report);
  add_exceptions(source, report);
  return report;
}

}  // namespace hive::campaign
