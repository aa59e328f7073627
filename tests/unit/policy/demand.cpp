#include "tests/unit/policy/demand.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "vmm/base/random.h"

namespace hive::policy {
namespace {

std::uint64_t mixed(std::uint64_t seed, unsigned round) {
  return Random(seed * 1'000'003 + round).next();
}

}  // namespace

Demand steady(std::uint32_t amount) {
  return [amount](unsigned /*round*/) { return amount; };
}

Demand step(std::uint32_t low, std::uint32_t high, unsigned from, unsigned until) {
  return [=](unsigned round) { return round >= from && round < until ? high : low; };
}

Demand ramp(std::uint32_t low, std::uint32_t high, unsigned from, unsigned until) {
  return [=](unsigned round) {
    const std::int64_t past = std::clamp<std::int64_t>(std::int64_t{round} - from, 0, until - from);
    const std::int64_t rise = std::int64_t{high} - low;
    return static_cast<std::uint32_t>(low + rise * past / (until - from));
  };
}

Demand bursts(std::uint32_t low, std::uint32_t high, unsigned period, unsigned length) {
  return [=](unsigned round) { return round % period < length ? high : low; };
}

Demand noisy(Demand base, std::uint32_t amplitude, std::uint64_t seed) {
  return [=, base = std::move(base)](unsigned round) {
    const auto drawn = static_cast<std::int64_t>(mixed(seed, round) % (2 * amplitude + 1));
    return static_cast<std::uint32_t>(
        std::max<std::int64_t>(0, base(round) + drawn - std::int64_t{amplitude}));
  };
}

Demand any_demand(std::uint32_t most, std::uint64_t seed) {
  Random random(seed);
  const auto low = static_cast<std::uint32_t>(random.below(most / 2 + 1));
  const auto high = static_cast<std::uint32_t>(low + random.below(most - low + 1));
  const auto from = static_cast<unsigned>(random.below(60));
  const auto length = static_cast<unsigned>(1 + random.below(60));
  const auto noise = static_cast<std::uint32_t>(random.below(most / 32 + 1));
  switch (random.below(4)) {
    case 0:
      return noisy(steady(high), noise, seed);
    case 1:
      return noisy(step(low, high, from, from + length), noise, seed);
    case 2:
      return noisy(ramp(low, high, from, from + length), noise, seed);
    default:
      return noisy(bursts(low, high, length + 1, 1 + length / 2), noise, seed);
  }
}

Trace recorded(const std::string& name) {
  const std::string path = std::string(HIVE_POLICY_TRACES "/") + name + ".csv";
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Trace trace;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    std::uint32_t memory = 0;
    std::uint32_t cpu = 0;
    char comma = 0;
    if (!(fields >> memory >> comma >> cpu) || comma != ',') {
      throw std::runtime_error(path + ": not MEMORY,CPU: " + line);
    }
    trace.memory.push_back(memory);
    trace.cpu.push_back(cpu);
  }
  if (trace.memory.empty()) throw std::runtime_error(path + ": has no samples");
  return trace;
}

Demand replay(std::vector<std::uint32_t> samples, unsigned from, std::uint32_t numerator,
              std::uint32_t denominator) {
  return [=, samples = std::move(samples)](unsigned round) -> std::uint32_t {
    if (round < from) return 0;
    const std::size_t at = std::min<std::size_t>(round - from, samples.size() - 1);
    return samples[at] * numerator / denominator;
  };
}

}  // namespace hive::policy
