#include "cellmon/campaign/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace hive::campaign {
namespace {

constexpr double kUsPerMs = 1000;

std::optional<std::int64_t> time_of(const Times& times, Latency latency) {
  switch (latency) {
    case Latency::kDetection:
      return times.detection;
    case Latency::kEverywhere:
      return times.everywhere;
    case Latency::kAgreement:
      return times.agreement;
    case Latency::kRecovery:
      return times.recovery;
    case Latency::kPause:
      return times.pause;
    case Latency::kRejoin:
      return times.rejoin;
  }
  return std::nullopt;
}

void add(Summary& summary, const Record& record, Outcome outcome) {
  ++summary.outcomes[outcome];
  if (record.outcome == Outcome::kRefused) return;
  ++summary.injected;
  if (!record.unchecked.empty() && outcome != Outcome::kEscaped) ++summary.unchecked;
  if (!record.evidence.empty()) ++summary.noticed;
  if (record.put_out) ++summary.put_out;
  for (const Latency latency : kLatencies) {
    const auto time = time_of(record.times, latency);
    if (!time) continue;
    summary.latencies[latency].values.push_back(static_cast<double>(*time) / kUsPerMs);
  }
}

void sort(Summary& summary) {
  for (auto& [latency, times] : summary.latencies) {
    std::sort(times.values.begin(), times.values.end());
  }
}

/// The logarithm of the probability that K of N happen, each with probability P.
double log_binomial(std::uint64_t k, std::uint64_t n, double p) {
  const auto events = static_cast<double>(k);
  const auto trials = static_cast<double>(n);
  return std::lgamma(trials + 1) - std::lgamma(events + 1) - std::lgamma(trials - events + 1) +
         events * std::log(p) + (trials - events) * std::log1p(-p);
}

/// The probability that at most K of N happen.
double at_most(std::uint64_t k, std::uint64_t n, double p) {
  double sum = 0;
  for (std::uint64_t i = 0; i <= k; ++i) sum += std::exp(log_binomial(i, n, p));
  return sum;
}

}  // namespace

double Distribution::mean() const {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Distribution::quantile(double part) const {
  const double rank = std::ceil(part * static_cast<double>(values.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return values[std::min(index, values.size() - 1)];
}

std::string name_of(Latency latency) {
  switch (latency) {
    case Latency::kDetection:
      return "detection";
    case Latency::kEverywhere:
      return "recovery begins everywhere";
    case Latency::kAgreement:
      return "agreement";
    case Latency::kRecovery:
      return "recovery";
    case Latency::kPause:
      return "pause";
    case Latency::kRejoin:
      return "rejoin";
  }
  return {};
}

std::string meaning_of(Latency latency) {
  switch (latency) {
    case Latency::kDetection:
      return "from the fault to the first hint or alert of any monitor";
    case Latency::kEverywhere:
      return "from the fault until the last survivor has the view without the cell";
    case Latency::kAgreement:
      return "from the first alert to the last survivor's decision";
    case Latency::kRecovery:
      return "from the first such view until all guests may go on";
    case Latency::kPause:
      return "how long a survivor's guest stood still; the longest of a run";
    case Latency::kRejoin:
      return "from the fault until the cell is a member again, and runs";
  }
  return {};
}

std::uint64_t Summary::count(Outcome outcome) const {
  const auto found = outcomes.find(outcome);
  return found == outcomes.end() ? 0 : found->second;
}

double Summary::escape_bound() const {
  return upper_bound(count(Outcome::kEscaped), injected - unchecked);
}

Statistics summarize(std::span<const Record> records) {
  Statistics statistics;
  std::set<std::uint64_t> late;  // Runs whose harm showed before the next one's fault.
  for (const Record& record : records) {
    if (record.before_fault && !record.earlier.empty()) late.insert(record.earlier.back());
  }
  for (const Record& record : records) {
    if (record.before_fault) continue;
    const bool was_late = late.erase(record.drawn.run) > 0;
    const Outcome outcome = was_late ? Outcome::kEscaped : record.outcome;
    add(statistics.all, record, outcome);
    add(statistics.groups[record.drawn.group], record, outcome);
    if (!record.drawn.paper_row.empty()) {
      add(statistics.paper_rows[record.drawn.paper_row], record, outcome);
    }
  }
  // Of runs that are not there.
  if (!late.empty()) statistics.all.outcomes[Outcome::kEscaped] += late.size();
  sort(statistics.all);
  for (auto& [name, summary] : statistics.groups) sort(summary);
  for (auto& [name, summary] : statistics.paper_rows) sort(summary);
  return statistics;
}

double upper_bound(std::uint64_t events, std::uint64_t trials, double confidence) {
  if (trials == 0 || events >= trials) return 1;
  double low = static_cast<double>(events) / static_cast<double>(trials);
  double high = 1;
  constexpr int kSteps = 100;
  for (int step = 0; step < kSteps; ++step) {
    const double middle = (low + high) / 2;
    (at_most(events, trials, middle) > 1 - confidence ? low : high) = middle;
  }
  return high;
}

}  // namespace hive::campaign
