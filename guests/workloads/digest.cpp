#include "guests/workloads/digest.h"

namespace hive::workloads {

void Digest::add(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t at = 0; at < size; ++at) value_ = (value_ ^ bytes[at]) * 0x100000001b3;
}

std::string Digest::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[value_ >> shift & 15];
  return text;
}

}  // namespace hive::workloads
