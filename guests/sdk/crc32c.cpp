#include "guests/sdk/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace hive::sdk {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  ///< Castagnoli's, lowest bit first.

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc % 2 != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t seed, const void* data,
                                                               std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint64_t crc = ~seed;
  for (; size >= 8; bytes += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; size > 0; ++bytes, --size) rest = _mm_crc32_u8(rest, *bytes);
  return ~rest;
}

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t seed, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint32_t crc = ~seed;
  for (; size > 0; ++bytes, --size) crc = (crc >> 8) ^ kTable[(crc ^ *bytes) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::uint32_t seed, const void* data, std::size_t size) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  return has_instruction ? by_instruction(seed, data, size) : crc32c_by_table(seed, data, size);
}

}  // namespace hive::sdk
