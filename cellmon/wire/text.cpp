#include "cellmon/wire/text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace hive::wire {

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string safe(text.substr(0, max_bytes));
  std::transform(safe.begin(), safe.end(), safe.begin(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x20 || value == 0x7f) return ' ';
    return value < 0x80 ? byte : '?';
  });
  return safe;
}

std::string format_time(std::int64_t wall_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t fraction = wall_ns % kSecond;
  if (fraction < 0) fraction += kSecond;
  const std::time_t seconds = (wall_ns - fraction) / kSecond;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "unknown";
  std::array<char, 32> date{};
  if (std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts) == 0) return "unknown";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(),
                static_cast<int>(fraction / 1'000'000));
  return text.data();
}

}  // namespace hive::wire
