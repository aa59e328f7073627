// The first serial port, for words to people.
#pragma once

#include <cstdint>

namespace hive::bare {

inline constexpr std::uint16_t kSerialPort = 0x3f8;

/// Writes TEXT, which ends with a 0.
void print(const char* text);
/// Writes NAME, and VALUE as a hexadecimal number without leading zeros.
void print(const char* name, std::uint64_t value);

}  // namespace hive::bare
