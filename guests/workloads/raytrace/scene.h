// What is to be seen: mirroring spheres above a chequered floor, in the light of one lamp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "guests/workloads/raytrace/vector.h"

namespace hive::workloads {

/// As it lies in global memory. It has no pointers, so that whatever it holds costs a tracer no
/// more than wrong colours.
struct Sphere {
  Vector centre;
  double radius = 1;
  Vector colour;
  double mirror = 0;  ///< The share of light that it mirrors, 0 to 1.
};
static_assert(sizeof(Sphere) == 64);

inline constexpr unsigned kMostSpheres = 4096;

/// COUNT spheres, drawn from SEED: the same ones everywhere.
std::vector<Sphere> make_scene(unsigned count, std::uint64_t seed);

/// What an eye at ORIGIN sees in DIRECTION, of length 1: red, green and blue, 0 to 1 each but for
/// glare. Mirrored rays are followed kMostBounces times.
Vector trace(std::span<const Sphere> scene, const Vector& origin, const Vector& direction);

inline constexpr int kMostBounces = 4;

}  // namespace hive::workloads
