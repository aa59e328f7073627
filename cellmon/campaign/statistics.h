// Figures of a campaign.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cellmon/campaign/record.h"

namespace hive::campaign {

/// Times of one kind, in milliseconds.
struct Distribution {
  std::vector<double> values;  ///< Ascending.

  [[nodiscard]] bool empty() const { return values.empty(); }
  [[nodiscard]] double mean() const;
  /// The smallest value that PART (0 to 1) of them do not exceed; of at least one value.
  [[nodiscard]] double quantile(double part) const;
  [[nodiscard]] double maximum() const { return values.back(); }
};

/// Which time of a run.
enum class Latency { kDetection, kEverywhere, kAgreement, kRecovery, kPause, kRejoin };
inline constexpr Latency kLatencies[] = {Latency::kDetection, Latency::kEverywhere,
                                         Latency::kAgreement, Latency::kRecovery,
                                         Latency::kPause,     Latency::kRejoin};
/// "detection", and what it is measured from and to.
std::string name_of(Latency latency);
std::string meaning_of(Latency latency);

/// Of the runs of one class of faults, or of all.
struct Summary {
  std::map<Outcome, std::uint64_t> outcomes;
  std::uint64_t injected = 0;   ///< Runs, but for those that were refused.
  std::uint64_t unchecked = 0;  ///< Of those: without a look at all survivors, and no escape.
  std::uint64_t noticed = 0;    ///< With a hint or an alert.
  std::uint64_t put_out = 0;
  std::map<Latency, Distribution> latencies;

  [[nodiscard]] std::uint64_t count(Outcome outcome) const;
  /// The probability of an escape, of which one can be 95 % sure that it is no higher; by the runs
  /// whose survivors were all looked at, and by escapes.
  [[nodiscard]] double escape_bound() const;
};

/// Harm that showed before a run's fault counts as an escape of the last fault that its machine had
/// taken, whatever had become of that, and as no injection.
struct Statistics {
  Summary all;
  std::map<std::string, Summary> groups;      ///< By class.
  std::map<std::string, Summary> paper_rows;  ///< By row of Table 7.4.
};

Statistics summarize(std::span<const Record> records);

/// The one-sided upper bound of Clopper and Pearson on a probability, at CONFIDENCE (0 to 1), when
/// EVENTS of TRIALS showed it; for no events and 95 % close to 3 / TRIALS. 1 without trials.
double upper_bound(std::uint64_t events, std::uint64_t trials, double confidence = 0.95);

}  // namespace hive::campaign
