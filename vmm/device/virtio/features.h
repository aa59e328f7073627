// Feature bits (virtio 1.2, 2.2).
#pragma once

#include <cstdint>

namespace hive::device {

/// FEATURE, a number below 64, in the word of all of them.
constexpr std::uint64_t feature_bit(unsigned feature) { return std::uint64_t{1} << feature; }

}  // namespace hive::device
