// How far a campaign is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cellmon/campaign/verdict.h"

namespace hive::cli {

inline constexpr std::size_t kOutcomes = 5;  ///< Of campaign::Outcome.

struct CampaignProgress {
  std::uint64_t runs = 0;                       ///< In all.
  std::uint64_t before = 0;                     ///< That were there when it went on.
  std::array<std::uint64_t, kOutcomes> done{};  ///< Since then, by outcome.
  double seconds = 0;                           ///< Since then.
};

/// "[####------]  41 of 100; 40 contained, 1 escaped; 12.1 a minute, 5 min left", cut to WIDTH
/// characters.
std::string describe(const CampaignProgress& progress, std::size_t width);

}  // namespace hive::cli
