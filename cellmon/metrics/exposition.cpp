#include "cellmon/metrics/exposition.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace hive::metrics {
namespace {

using wire::Json;

/// A label's value or a help text: what would end it is escaped.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char each : text) {
    if (each == '\\' || each == '"') result += '\\';
    if (each == '\n') {
      result += "\\n";
    } else {
      result += each;
    }
  }
  return result;
}

std::string number(double value) { return number_of(value).dump(); }

/// The labels of CELL and of a sample of FAMILY with label VALUES, without braces.
std::string labels_of(const CellReport& cell, const Family& family,
                      std::span<const std::string> values) {
  std::string text =
      fmt::format("machine=\"{}\",cell=\"{}\"", escaped(cell.machine), escaped(cell.cell));
  for (std::size_t index = 0; index < std::min(values.size(), family.label_count()); ++index) {
    text += fmt::format(",{}=\"{}\"", family.labels.at(index), escaped(values[index]));
  }
  return text;
}

void add_histogram(std::string& text, const CellReport& cell, const Family& family,
                   const Histogram& histogram) {
  const std::string labels = labels_of(cell, family, {});
  std::uint64_t count = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    count += histogram.counts().at(bucket);
    const std::string bound =
        bucket < Histogram::kBounds.size()
            ? number(static_cast<double>(Histogram::kBounds.at(bucket)) / Histogram::kSecond)
            : "+Inf";
    text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", family.name, labels, bound, count);
  }
  text += fmt::format("{}_sum{{{}}} {}\n", family.name, labels,
                      number(static_cast<double>(histogram.sum()) / Histogram::kSecond));
  text += fmt::format("{}_count{{{}}} {}\n", family.name, labels, count);
}

/// The samples of FAMILY in CELL's report.
void add_samples(std::string& text, const CellReport& cell, const Family& family) {
  if (family.metric == Metric::kMonitorUp) {
    text += fmt::format("{}{{{}}} {}\n", family.name, labels_of(cell, family, {}),
                        cell.problem.empty() ? 1 : 0);
    return;
  }
  const auto histogram = cell.report.histograms().find(family.metric);
  if (histogram != cell.report.histograms().end()) {
    return add_histogram(text, cell, family, histogram->second);
  }
  const auto samples = cell.report.samples().find(family.metric);
  if (samples == cell.report.samples().end()) return;
  for (const Sample& sample : samples->second) {
    text += fmt::format("{}{{{}}} {}\n", family.name, labels_of(cell, family, sample.labels),
                        number(sample.value));
  }
}

Json describe(const Family& family, const Sample& sample) {
  Json labels = Json::object();
  for (std::size_t index = 0; index < sample.labels.size(); ++index) {
    labels[std::string(family.labels.at(index))] = sample.labels[index];
  }
  return {{"name", family.name},
          {"type", to_string(family.type)},
          {"labels", std::move(labels)},
          {"value", number_of(sample.value)}};
}

Json describe(const Family& family, const Histogram& histogram) {
  Json buckets = Json::array();
  std::uint64_t count = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    count += histogram.counts().at(bucket);
    Json bound = "+Inf";
    if (bucket < Histogram::kBounds.size()) {
      bound = static_cast<double>(Histogram::kBounds.at(bucket)) / Histogram::kSecond;
    }
    buckets.push_back({{"le", std::move(bound)}, {"count", count}});
  }
  return {{"name", family.name},
          {"type", to_string(family.type)},
          {"labels", Json::object()},
          {"buckets", std::move(buckets)},
          {"sum", static_cast<double>(histogram.sum()) / Histogram::kSecond},
          {"count", count}};
}

Json describe(const CellReport& cell) {
  if (!cell.problem.empty()) return {{"cell", cell.cell}, {"problem", cell.problem}};
  Json metrics = Json::array();
  for (const auto& [metric, samples] : cell.report.samples()) {
    for (const Sample& sample : samples) metrics.push_back(describe(family_of(metric), sample));
  }
  for (const auto& [metric, histogram] : cell.report.histograms()) {
    metrics.push_back(describe(family_of(metric), histogram));
  }
  return {{"cell", cell.cell}, {"metrics", std::move(metrics)}};
}

}  // namespace

std::string format_prometheus(std::span<const CellReport> cells) {
  std::string text;
  for (const Family& family : catalogue()) {
    std::string samples;
    for (const CellReport& cell : cells) add_samples(samples, cell, family);
    if (samples.empty()) continue;
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n{}", family.name, family.help, family.name,
                        to_string(family.type), samples);
  }
  return text;
}

Json to_json(std::span<const CellReport> cells) {
  Json machines = Json::array();
  for (const CellReport& cell : cells) {
    if (machines.empty() || machines.back()["machine"] != cell.machine) {
      machines.push_back({{"machine", cell.machine}, {"cells", Json::array()}});
    }
    machines.back()["cells"].push_back(describe(cell));
  }
  return {{"machines", std::move(machines)}};
}

}  // namespace hive::metrics
