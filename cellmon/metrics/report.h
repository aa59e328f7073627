// The metrics of one cell at one time, and their wire form (JSON): docs/control-protocol.md.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/metrics/catalogue.h"
#include "cellmon/metrics/histogram.h"
#include "cellmon/wire/json_rpc.h"

namespace hive::metrics {

/// A counter's or a gauge's value.
struct Sample {
  std::vector<std::string> labels;  ///< The values of the family's labels, in their order.
  double value = 0;

  friend bool operator==(const Sample&, const Sample&) = default;
};

/// Not thread-safe.
class Report {
 public:
  /// More samples than any monitor has: 64 cells, and what KVM counts.
  static constexpr std::size_t kMaxSamples = 4096;

  /// Adds a sample of METRIC, no histogram, which has as many labels as LABELS. Nothing beyond
  /// kMaxSamples.
  void add(Metric metric, double value, std::initializer_list<std::string_view> labels = {});
  void add(Metric metric, std::vector<std::string> labels, double value);
  /// Sets METRIC, a histogram.
  void set(Metric metric, const Histogram& histogram) { histograms_[metric] = histogram; }

  [[nodiscard]] const std::map<Metric, std::vector<Sample>>& samples() const { return samples_; }
  [[nodiscard]] const std::map<Metric, Histogram>& histograms() const { return histograms_; }

  /// The value of METRIC with LABELS, or nothing.
  [[nodiscard]] std::optional<double> value(
      Metric metric, std::initializer_list<std::string_view> labels = {}) const;
  /// Whether there is any sample of METRIC.
  [[nodiscard]] bool has(Metric metric) const { return samples_.contains(metric); }
  /// Of all samples of METRIC; 0 where there is none.
  [[nodiscard]] double sum(Metric metric) const;

  friend bool operator==(const Report&, const Report&) = default;

 private:
  std::map<Metric, std::vector<Sample>> samples_;
  std::map<Metric, Histogram> histograms_;
  std::size_t count_ = 0;
};

/// A whole number where VALUE is one, else a fraction.
wire::Json number_of(double value);

/// {NAME: [[[LABEL...], VALUE]...], NAME of a histogram: {"counts": [...], "sum": SECONDS}}
wire::Json to_json(const Report& report);
/// What a monitor told. Metrics that this program does not know are left out; nothing where JSON is
/// no report, or has the same labels twice in a metric, which makes Prometheus refuse all of it.
std::optional<Report> parse_report(const wire::Json& json);

}  // namespace hive::metrics
