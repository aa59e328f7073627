// The script of a micro guest that performs the workload of fault campaigns in a machine.
#pragma once

#include <cstdint>
#include <vector>

#include "guests/abi/micro_places.h"
#include "vmm/memory/layout.h"

namespace hive::test {

/// One of CELLS guests, number INDEX, of RAM bytes each, that contribute PART bytes each.
inline std::vector<micro::Action> work_script(std::uint64_t cells, std::uint64_t index,
                                              std::uint64_t ram, std::uint64_t part,
                                              std::uint64_t seed, std::uint64_t pages) {
  micro::WorkPlace place;
  place.cells = cells;
  place.index = index;
  place.part = part;
  if (part > 0) place.window = memory::layout::upper_ranges(ram, cells * part).bars.start;
  place.seed = seed;
  place.pages = pages;
  return micro::work_script(place);
}

}  // namespace hive::test
