// How much of something a simulated cell wants, round by round.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hive::policy {

/// What is wanted in a round. The same for a round whenever it is asked.
using Demand = std::function<std::uint32_t(unsigned round)>;

Demand steady(std::uint32_t amount);
/// LOW, but HIGH from round FROM until round UNTIL.
Demand step(std::uint32_t low, std::uint32_t high, unsigned from, unsigned until);
/// From LOW at round FROM in a straight line to HIGH at round UNTIL, and HIGH from then on.
Demand ramp(std::uint32_t low, std::uint32_t high, unsigned from, unsigned until);
/// LOW, but HIGH for LENGTH rounds out of every PERIOD.
Demand bursts(std::uint32_t low, std::uint32_t high, unsigned period, unsigned length);
/// BASE, and in each round up to AMPLITUDE more or less, drawn from SEED; never below 0.
Demand noisy(Demand base, std::uint32_t amplitude, std::uint64_t seed);
/// One of the above, of up to MOST, drawn from SEED.
Demand any_demand(std::uint32_t most, std::uint64_t seed);

/// A recording: a sample for each round. The last one stays on.
struct Trace {
  std::vector<std::uint32_t> memory;  ///< MiB.
  std::vector<std::uint32_t> cpu;     ///< Permille of one CPU.
};
/// From traces/NAME.csv. Throws std::runtime_error where it cannot be read.
Trace recorded(const std::string& name);
/// SAMPLES, each times NUMERATOR / DENOMINATOR, from round FROM on; 0 before.
Demand replay(std::vector<std::uint32_t> samples, unsigned from, std::uint32_t numerator,
              std::uint32_t denominator);

}  // namespace hive::policy
