// The raytrace program: workers that render one picture together, tile by tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "guests/workloads/raytrace/picture.h"
#include "guests/workloads/team/team.h"

namespace hive::workloads {

struct RaytraceTask {
  Frame frame;
  unsigned spheres = 40;  ///< 1 to kMostSpheres.
  std::uint64_t seed = 1;
};

/// The bytes that each worker's area needs.
std::size_t raytrace_area(const RaytraceTask& task);

/// What all workers have to agree on.
std::uint64_t raytrace_key(const RaytraceTask& task);

struct RaytraceResult {
  Picture picture;        ///< The same for any number of workers.
  unsigned rendered = 0;  ///< Tiles that this worker rendered.
};

/// Renders TASK together with the other workers of TEAM, and leaves it. The scene lies in the area
/// of worker 0, where all trace it; a counter hands out tiles; each worker puts its tiles into its
/// own area, and takes the others' from theirs. Workers may fail, worker 0 too: those that are left
/// render what is missing. So this ends whatever happens to others, and the picture is right.
RaytraceResult paint(Team& team, const RaytraceTask& task);

}  // namespace hive::workloads
