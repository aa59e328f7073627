// The checksum of careful objects.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hive::sdk {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of SIZE bytes at DATA, continuing from SEED, which
/// is what it gave for the bytes before, or 0. Uses the processor's instruction where there is one.
std::uint32_t crc32c(std::uint32_t seed, const void* data, std::size_t size);

/// The same without it.
std::uint32_t crc32c_by_table(std::uint32_t seed, const void* data, std::size_t size);

}  // namespace hive::sdk
