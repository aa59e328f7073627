// What a micro guest's report about its memory has to be: guests/abi/micro_work.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cellmon/campaign/campaign.h"

namespace hive::campaign {

/// A guest's line.
struct MicroReport {
  std::uint64_t seed = 0;
  std::uint64_t words = 0;
  std::uint64_t rounds = 0;
  std::uint64_t digest = 0;
  std::uint64_t stamped = 0;
  std::uint64_t wrong = 0;
  std::uint64_t check = 0;  ///< From 1: how often the guest has verified.
};

/// Nothing where LINE is no report, or a malformed one.
std::optional<MicroReport> parse_report(std::string_view line);

/// Words of a guest that the workload WORK fills, when it contributes to global memory (SHARES).
std::uint64_t words_of(const MicroWork& work, bool shares);

/// The digest that a guest with SEED reports of WORDS words after ROUNDS rounds, computed in one
/// step for each word.
std::uint64_t expected_digest(std::uint64_t seed, std::uint64_t words, std::uint64_t rounds);

/// What is wrong with REPORT of the guest that was given SEED and WORDS; empty where nothing is.
std::string fault_of(const MicroReport& report, std::uint64_t seed, std::uint64_t words);

}  // namespace hive::campaign
