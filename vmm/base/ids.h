// Identifiers of the machine's parts.
#pragma once

#include <cstdint>

namespace hive {

/// A cell's number within its machine, in the order of the plan, from 0 to kMaxCells - 1.
enum class CellId : std::uint8_t {};

/// At most 64 cells: one bit each in a page's writer vector.
inline constexpr unsigned kMaxCells = 64;

/// A cell's boot count within the machine, from 1. 0 means that it has not been booted.
using Incarnation = std::uint32_t;

/// A cell's vsock address. 0 to 2 are reserved by the protocol (2 is the host).
using Cid = std::uint32_t;
inline constexpr Cid kFirstCellCid = 3;

}  // namespace hive
