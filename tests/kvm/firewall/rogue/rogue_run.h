// What a rogue VMM and the test that starts it have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/base/units.h"

namespace hive::test {

inline constexpr std::uint64_t kRogueContribution = 2 * kMiB;
/// Of the foreign pages, the one that the guest tries to write.
inline constexpr std::uint64_t kGuestsPage = 400;
/// In the guest's RAM: a word that becomes 1 when the guest may try.
inline constexpr std::uint64_t kRogueGo = 8 * kMiB;
/// Each attempt is about a page of its own.
constexpr std::uint64_t page_of_attempt(std::size_t attempt) { return 2 * attempt + 1; }

/// The guest's module: a script that stores to kGuestsPage and to where attempt "memory slot"
/// leads. Its last page is empty.
std::vector<std::byte> rogue_guest();
inline constexpr unsigned kGuestsStore = 2;  ///< The first store's place in it.

}  // namespace hive::test
