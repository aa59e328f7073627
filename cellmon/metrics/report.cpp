#include "cellmon/metrics/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <utility>

#include "cellmon/wire/text.h"

namespace hive::metrics {
namespace {

using wire::Json;

constexpr std::size_t kMaxLabel = 64;
/// Up to here each whole number has a double of its own.
constexpr double kMaxWhole = 9007199254740992.0;

bool is_count(const Json& json) { return json.is_number_unsigned(); }

std::optional<Histogram> parse_histogram(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto counts = json.find("counts");
  const auto sum = json.find("sum");
  if (counts == json.end() || !counts->is_array() || counts->size() != Histogram::kBuckets ||
      sum == json.end() || !sum->is_number()) {
    return std::nullopt;
  }
  std::array<std::uint64_t, Histogram::kBuckets> values{};
  for (std::size_t bucket = 0; bucket < values.size(); ++bucket) {
    const Json& count = (*counts)[bucket];
    if (!is_count(count) || count.get<double>() > kMaxWhole) return std::nullopt;
    values.at(bucket) = count.get<std::uint64_t>();
  }
  const double nanoseconds = sum->get<double>() * Histogram::kSecond;
  if (!(nanoseconds >= 0 && nanoseconds < 1.8e19)) return std::nullopt;
  return Histogram(values, static_cast<std::uint64_t>(nanoseconds));
}

std::optional<Sample> parse_sample(const Json& json, std::size_t labels) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_array() || json[0].size() != labels ||
      !json[1].is_number()) {
    return std::nullopt;
  }
  Sample sample;
  for (const Json& label : json[0]) {
    if (!label.is_string()) return std::nullopt;
    sample.labels.push_back(wire::printable(label.get_ref<const std::string&>(), kMaxLabel));
  }
  sample.value = json[1].get<double>();
  if (!std::isfinite(sample.value)) return std::nullopt;
  return sample;
}

}  // namespace

void Report::add(Metric metric, double value, std::initializer_list<std::string_view> labels) {
  add(metric, std::vector<std::string>(labels.begin(), labels.end()), value);
}

void Report::add(Metric metric, std::vector<std::string> labels, double value) {
  if (count_ == kMaxSamples) return;
  ++count_;
  samples_[metric].push_back({std::move(labels), value});
}

std::optional<double> Report::value(Metric metric,
                                    std::initializer_list<std::string_view> labels) const {
  const auto found = samples_.find(metric);
  if (found == samples_.end()) return std::nullopt;
  for (const Sample& sample : found->second) {
    if (std::equal(sample.labels.begin(), sample.labels.end(), labels.begin(), labels.end())) {
      return sample.value;
    }
  }
  return std::nullopt;
}

double Report::sum(Metric metric) const {
  const auto found = samples_.find(metric);
  double sum = 0;
  if (found == samples_.end()) return sum;
  for (const Sample& sample : found->second) sum += sample.value;
  return sum;
}

Json number_of(double value) {
  if (std::trunc(value) == value && std::fabs(value) <= kMaxWhole) {
    return value < 0 ? Json(static_cast<std::int64_t>(value))
                     : Json(static_cast<std::uint64_t>(value));
  }
  return value;
}

Json to_json(const Report& report) {
  Json json = Json::object();
  for (const auto& [metric, samples] : report.samples()) {
    Json list = Json::array();
    for (const Sample& sample : samples) {
      list.push_back(Json::array({sample.labels, number_of(sample.value)}));
    }
    json[std::string(family_of(metric).name)] = std::move(list);
  }
  for (const auto& [metric, histogram] : report.histograms()) {
    json[std::string(family_of(metric).name)] = {
        {"counts", histogram.counts()},
        {"sum", static_cast<double>(histogram.sum()) / Histogram::kSecond}};
  }
  return json;
}

std::optional<Report> parse_report(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  Report report;
  for (const auto& [name, value] : json.items()) {
    const auto metric = find_metric(name);
    if (!metric) continue;
    const Family& family = family_of(*metric);
    if (family.type == Type::kHistogram) {
      const auto histogram = parse_histogram(value);
      if (!histogram) return std::nullopt;
      report.set(*metric, *histogram);
      continue;
    }
    if (!value.is_array()) return std::nullopt;
    std::set<std::vector<std::string>> seen;
    for (const Json& each : value) {
      auto sample = parse_sample(each, family.label_count());
      if (!sample || !seen.insert(sample->labels).second) return std::nullopt;
      report.add(*metric, std::move(sample->labels), sample->value);
    }
  }
  return report;
}

}  // namespace hive::metrics
