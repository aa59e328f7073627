// Points, directions and colours: three numbers.
#pragma once

#include <cmath>

namespace hive::workloads {

struct Vector {
  double x = 0;
  double y = 0;
  double z = 0;
};

constexpr Vector operator+(const Vector& a, const Vector& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
constexpr Vector operator-(const Vector& a, const Vector& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
constexpr Vector operator*(const Vector& a, double by) { return {a.x * by, a.y * by, a.z * by}; }
/// Part by part, as light is filtered by a colour.
constexpr Vector operator*(const Vector& a, const Vector& b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z};
}
constexpr double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vector unit(const Vector& a) { return a * (1 / std::sqrt(dot(a, a))); }
/// DIRECTION mirrored at a surface whose normal, of length 1, is NORMAL.
constexpr Vector mirrored(const Vector& direction, const Vector& normal) {
  return direction - normal * (2 * dot(direction, normal));
}

}  // namespace hive::workloads
