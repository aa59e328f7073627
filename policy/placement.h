// Policy `placement`: where sections of global memory are.
#pragma once

#include <cstdint>

#include "policy/hint.h"
#include "policy/view.h"

namespace hive::policy {

/// New sections go to another home once that has more room than the one they go to, by that part of
/// what the latter has.
inline constexpr std::uint32_t kRoomMargin = 4;
/// A section is moved only if its most eager user uses it that often in a second, and...
inline constexpr std::uint64_t kHotUses = 1000;
/// ...that many times as often as its home does, and...
inline constexpr std::uint32_t kHotRatio = 2;
/// ...makes up that much of all its use.
inline constexpr std::uint32_t kHotPermille = 500;

/// New sections are placed at the live home with the most unused memory. The section that is used
/// most by somebody who is not its home moves there, if that cell has room: one in a round, for
/// each move copies and interrupts.
void placement(const View& view, Hints& hints);

}  // namespace hive::policy
