// The bounds of a campaign's file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hive::campaign {

inline constexpr std::uint64_t kMaxRuns = 1'000'000;
inline constexpr unsigned kMaxParallel = 64;
inline constexpr std::uint64_t kMaxKeep = 1'000'000;
inline constexpr std::uint64_t kMaxWeight = 1'000'000;
inline constexpr std::uint32_t kMaxPages = 4096;  ///< Private pages of a micro guest.
inline constexpr std::size_t kMaxFaultSpecs = 256;
inline constexpr std::size_t kMaxParameters = 16;  ///< Of a fault.
inline constexpr std::size_t kMaxValues = 256;     ///< Of a parameter.
inline constexpr std::size_t kMaxNames = 64;       ///< Of a list of cells.
inline constexpr std::size_t kMaxText = 4096;      ///< Bytes.

}  // namespace hive::campaign
