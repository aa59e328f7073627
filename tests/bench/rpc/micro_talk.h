// Two micro guests that take turns, and what their turns took.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "guests/abi/micro_script.h"

namespace hive::bench {

/// Where one of the two has what it takes to talk.
struct TalkPlaces {
  std::uint64_t own = 0;    ///< The guest's own part of the shared memory.
  std::uint64_t other = 0;  ///< The other guest's.
  std::uint64_t doorbell = 0;
  std::uint64_t ring = 0;     ///< What to write to the doorbell.
  bool rings_always = false;  ///< Else only where the other side sleeps.
};

/// What guest NUMBER (0 calls, 1 answers) performs after SETUP: each kind of turn, one after the
/// other.
std::vector<micro::Action> talk_script(unsigned number, const TalkPlaces& places,
                                       const std::vector<micro::Action>& setup);

/// Whether the guest with that script is at its end. LOAD reads 8 bytes of its RAM. Throws
/// std::runtime_error where it failed.
using LoadWord = std::function<std::uint64_t(std::uint64_t address)>;
bool talk_is_over(const LoadWord& load);

/// {kind of turn: {statistic: microseconds}}, of guest 0.
std::map<std::string, std::map<std::string, double>> talk_times(const LoadWord& load);

}  // namespace hive::bench
