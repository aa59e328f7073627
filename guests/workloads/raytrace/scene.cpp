#include "guests/workloads/raytrace/scene.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "vmm/base/random.h"

namespace hive::workloads {
namespace {

constexpr double kNear = 1e-6;  // What is nearer is the surface that the ray starts from.
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr Vector kLamp{-6, 12, -8};
constexpr double kAmbient = 0.15;

/// From LOW to before HIGH.
double between(Random& random, double low, double high) {
  return low + (high - low) * (static_cast<double>(random.next() >> 11) * 0x1p-53);
}

/// Where a ray meets something.
struct Hit {
  double distance = kNever;
  Vector point;
  Vector normal;  ///< Of length 1, towards the ray's side.
  Vector colour;
  double mirror = 0;
};

/// How far from ORIGIN, or kNever.
double distance_to(const Sphere& sphere, const Vector& origin, const Vector& direction) {
  const Vector to_origin = origin - sphere.centre;
  const double half = dot(to_origin, direction);
  const double root = half * half - dot(to_origin, to_origin) + sphere.radius * sphere.radius;
  if (!(root > 0)) return kNever;
  const double from_middle = std::sqrt(root);
  if (-half - from_middle > kNear) return -half - from_middle;
  return -half + from_middle > kNear ? -half + from_middle : kNever;
}

double distance_to_floor(const Vector& origin, const Vector& direction) {
  const double distance = -origin.y / direction.y;
  return direction.y < 0 && distance > kNear ? distance : kNever;
}

Vector colour_of_floor(const Vector& point) {
  const double parity = std::floor(point.x) + std::floor(point.z);
  const bool dark = parity - 2 * std::floor(parity / 2) < 1;
  return dark ? Vector{0.2, 0.22, 0.25} : Vector{0.85, 0.85, 0.8};
}

Hit nearest(std::span<const Sphere> scene, const Vector& origin, const Vector& direction) {
  Hit hit;
  hit.distance = distance_to_floor(origin, direction);
  if (hit.distance < kNever) {
    hit.point = origin + direction * hit.distance;
    hit.normal = {0, 1, 0};
    hit.colour = colour_of_floor(hit.point);
    hit.mirror = 0.1;
  }
  for (const Sphere& sphere : scene) {
    const double distance = distance_to(sphere, origin, direction);
    if (!(distance < hit.distance)) continue;
    hit.distance = distance;
    hit.point = origin + direction * distance;
    hit.normal = (hit.point - sphere.centre) * (1 / sphere.radius);
    hit.colour = sphere.colour;
    hit.mirror = sphere.mirror;
  }
  if (dot(hit.normal, direction) > 0) hit.normal = hit.normal * -1;
  return hit;
}

bool is_shaded(std::span<const Sphere> scene, const Vector& point, const Vector& to_lamp,
               double distance) {
  return std::any_of(scene.begin(), scene.end(), [&](const Sphere& sphere) {
    return distance_to(sphere, point, to_lamp) < distance;
  });
}

Vector sky(const Vector& direction) {
  const double height = std::max(direction.y, 0.0);
  return Vector{0.75, 0.85, 1.0} * (1 - height) + Vector{0.25, 0.45, 0.8} * height;
}

Vector lit(std::span<const Sphere> scene, const Hit& hit, const Vector& direction) {
  const Vector way = kLamp - hit.point;
  const double distance = std::sqrt(dot(way, way));
  const Vector to_lamp = way * (1 / distance);
  const double facing = dot(hit.normal, to_lamp);
  if (!(facing > 0) || is_shaded(scene, hit.point, to_lamp, distance)) return hit.colour * kAmbient;
  const double glance = std::max(dot(mirrored(direction, hit.normal), to_lamp), 0.0);
  const double fourth = glance * glance * glance * glance;
  const double glare = hit.mirror * fourth * fourth * fourth * fourth;
  return hit.colour * (kAmbient + (1 - kAmbient) * facing) + Vector{glare, glare, glare};
}

}  // namespace

std::vector<Sphere> make_scene(unsigned count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Sphere> scene;
  for (unsigned number = 0; number < count; ++number) {
    Sphere sphere;
    sphere.radius = between(random, 0.15, 0.7);
    sphere.centre.x = between(random, -5, 5);
    sphere.centre.y = sphere.radius + between(random, 0, 1.5);
    sphere.centre.z = between(random, -2, 9);
    sphere.colour.x = between(random, 0.2, 1);
    sphere.colour.y = between(random, 0.2, 1);
    sphere.colour.z = between(random, 0.2, 1);
    sphere.mirror = between(random, 0, 0.8);
    scene.push_back(sphere);
  }
  return scene;
}

Vector trace(std::span<const Sphere> scene, const Vector& origin, const Vector& direction) {
  Vector seen;
  Vector from = origin;
  Vector along = direction;
  double share = 1;  // Of the light that comes this way which reaches the eye.
  for (int bounce = 0;; ++bounce) {
    const Hit hit = nearest(scene, from, along);
    if (!(hit.distance < kNever)) return seen + sky(along) * share;
    const bool last = bounce == kMostBounces || share * hit.mirror < 0.01;
    seen = seen + lit(scene, hit, along) * (share * (last ? 1 : 1 - hit.mirror));
    if (last) return seen;
    share *= hit.mirror;
    along = mirrored(along, hit.normal);
    from = hit.point;
  }
}

}  // namespace hive::workloads
