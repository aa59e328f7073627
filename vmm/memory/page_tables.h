// Page tables of a guest in long mode (Intel SDM vol. 3A, 4.5).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace hive::memory::page_tables {

// Control registers (Intel SDM vol. 3A, 2.5) and MSR_EFER.
inline constexpr std::uint64_t kPaging = 1ULL << 31;          // CR0
inline constexpr std::uint64_t kFiveLevels = 1ULL << 12;      // CR4
inline constexpr std::uint64_t kLongModeActive = 1ULL << 10;  // EFER
// Bits of an entry; the frame is CR3's too.
inline constexpr std::uint64_t kPresent = 1;
inline constexpr std::uint64_t kLarge = 1 << 7;
inline constexpr std::uint64_t kFrame = 0x000f'ffff'ffff'f000;

inline constexpr unsigned kEntries = 512;
inline constexpr unsigned kLargestLeaf = 3;  ///< Level of 1 GiB pages.

/// How many levels the tables of a CPU with these registers have; 0 where it is not in long mode.
constexpr unsigned levels_of(std::uint64_t cr0, std::uint64_t cr4, std::uint64_t efer) {
  if ((cr0 & kPaging) == 0 || (efer & kLongModeActive) == 0) return 0;
  return (cr4 & kFiveLevels) != 0 ? 5 : 4;
}

/// How many bytes an entry at LEVEL (1: of 4 KiB pages) stands for.
constexpr std::uint64_t span_of(unsigned level) {
  return std::uint64_t{1} << (12 + 9 * (level - 1));
}

/// The word at a guest-physical address; nothing where that is no RAM.
using ReadWord = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

/// The guest-physical address of virtual ADDRESS by the tables of LEVELS levels below ROOT, which
/// is a CR3, whatever access they allow. Nothing where it is not mapped. The tables may be
/// anything.
std::optional<std::uint64_t> translate(std::uint64_t root, unsigned levels, std::uint64_t address,
                                       const ReadWord& read);

}  // namespace hive::memory::page_tables
