#include "cellmon/detect/ring.h"

namespace hive::detect {

std::uint64_t watched_by(CellId self, std::uint64_t members) {
  const unsigned own = static_cast<unsigned>(self);
  if (own >= kMaxCells || (members >> own & 1U) == 0) return 0;
  std::uint64_t watched = 0;
  unsigned found = 0;
  for (unsigned step = 1; step < kMaxCells && found < kWatchers; ++step) {
    const unsigned next = (own + step) % kMaxCells;
    if ((members >> next & 1U) == 0) continue;
    watched |= std::uint64_t{1} << next;
    ++found;
  }
  return watched;
}

}  // namespace hive::detect
