// What a rogue VMM and the test that starts it have in common.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vmm/base/units.h"

namespace hive::test {

inline constexpr std::uint64_t kRogueContribution = 2 * kMiB;
inline constexpr std::uint64_t kGuestsPage = 400;    ///< Of the foreign ones, which the guest
                                                     ///< tries to write.
inline constexpr std::uint64_t kRogueGo = 8 * kMiB;  ///< In the guest's RAM: it may try.
/// Each attempt is about a page of its own.
constexpr std::uint64_t page_of_attempt(std::size_t attempt) { return 2 * attempt + 1; }

}  // namespace hive::test
