#include "cellmon/control/balloon.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace hive::control {

std::string Balloon::set(std::uint64_t bytes) {
  if (bytes != 0 && cell_.huge_pages == plan::HugePages::kReserved) {
    return "its memory is of reserved huge pages, which nobody else could use; drop `hugepages: "
           "reserved` from the plan";
  }
  constexpr std::uint64_t kMostPages = std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t spare = cell_.memory - std::min(cell_.memory, kLeast);
  const std::uint64_t most = std::min(spare, kMostPages * kPageSize);
  if (bytes > most) {
    return fmt::format("the guest has {} and keeps {} at least: it can give back {} at most",
                       format_size(cell_.memory), format_size(kLeast), format_size(most));
  }
  if (bytes % kPageSize != 0) {
    return fmt::format("{} bytes are no whole pages; give a multiple of 4KiB", bytes);
  }
  target_ = bytes;
  return {};
}

}  // namespace hive::control
