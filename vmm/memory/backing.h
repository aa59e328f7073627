// How the host backs guest RAM.
#pragma once

namespace hive::memory {

enum class Backing {
  kSmallPages,  ///< 4 KiB pages, whatever the host's settings are.
  kAutomatic,   ///< 2 MiB pages, as the guest touches them, where the host has them; else 4 KiB.
  kHugePages,   ///< Reserved (hugetlb) pages of 2 MiB; fails when the host has too few.
};

}  // namespace hive::memory
