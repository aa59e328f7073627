// Random numbers that are the same everywhere for a seed.
#pragma once

#include <cstdint>

namespace hive::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// SplitMix64.
  std::uint64_t next() {
    std::uint64_t word = (state_ += 0x9e3779b97f4a7c15U);
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
    return word ^ (word >> 31U);
  }
  /// From 0 to BELOW - 1; BELOW must not be 0.
  std::uint64_t below(std::uint64_t below) { return next() % below; }
  /// From LOW to HIGH.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool percent(unsigned chance) { return below(100) < chance; }

 private:
  std::uint64_t state_;
};

}  // namespace hive::sim
