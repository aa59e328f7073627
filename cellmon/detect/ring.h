// Who watches whom.
#pragma once

#include <cstdint>

#include "vmm/base/ids.h"

namespace hive::detect {

/// How many members watch each member, where there are that many others.
inline constexpr unsigned kWatchers = 2;

/// The members that SELF watches: the next kWatchers in the ring of MEMBERS (bit N stands for cell
/// N), or all others where there are fewer. Each member is watched by as many, and each watches as
/// many, whatever their number. Nothing when SELF is not a member.
std::uint64_t watched_by(CellId self, std::uint64_t members);

}  // namespace hive::detect
