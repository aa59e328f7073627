#include "guests/bare/serial.h"

#include "guests/bare/x86.h"

namespace hive::bare {

void print(const char* text) {
  for (; *text != 0; ++text) out8(kSerialPort, static_cast<std::uint8_t>(*text));
}

void print(const char* name, std::uint64_t value) {
  constexpr unsigned kDigitBits = 4;
  unsigned shift = 0;
  while (shift < 60 && value >> (shift + kDigitBits) != 0) shift += kDigitBits;
  print(name);
  for (;; shift -= kDigitBits) {
    const auto digit = static_cast<std::uint8_t>(value >> shift & 0xf);
    out8(kSerialPort, static_cast<std::uint8_t>(digit < 10 ? '0' + digit : 'a' + digit - 10));
    if (shift == 0) return;
  }
}

}  // namespace hive::bare
