#include "guests/workloads/raytrace/picture.h"

#include <algorithm>

namespace hive::workloads {
namespace {

constexpr Vector kEye{0, 2.2, -7};

/// From 0 (black) to 255; what is no number is black.
unsigned char level(double light) {
  if (!(light > 0)) return 0;
  return static_cast<unsigned char>(std::min(std::sqrt(light), 1.0) * 255 + 0.5);
}

Vector pixel(const Frame& frame, std::span<const Sphere> scene, unsigned column, unsigned row) {
  Vector sum;
  const double step = 1.0 / frame.samples;
  for (unsigned sample = 0; sample < frame.samples * frame.samples; ++sample) {
    const double right = column + (sample % frame.samples + 0.5) * step;
    const double down = row + (static_cast<unsigned>(sample / frame.samples) + 0.5) * step;
    const Vector direction{(2 * right - frame.width) / frame.height,
                           (frame.height - 2 * down) / frame.height - 0.15, 1.8};
    sum = sum + trace(scene, kEye, unit(direction));
  }
  return sum * (step * step);
}

}  // namespace

Tile render(const Frame& frame, std::span<const Sphere> scene, unsigned number) {
  Tile tile(Frame::kTileBytes);
  const unsigned left = number % frame.across() * Frame::kTile;
  const unsigned top = number / frame.across() * Frame::kTile;
  for (unsigned at = 0; at < Frame::kTile * Frame::kTile; ++at) {
    const unsigned column = left + at % Frame::kTile;
    const unsigned row = top + at / Frame::kTile;
    if (column >= frame.width || row >= frame.height) continue;
    const Vector colour = pixel(frame, scene, column, row);
    tile[at * 3] = level(colour.x);
    tile[at * 3 + 1] = level(colour.y);
    tile[at * 3 + 2] = level(colour.z);
  }
  return tile;
}

Picture::Picture(const Frame& frame)
    : frame_(frame), pixels_(static_cast<std::size_t>(frame.width) * frame.height * 3) {}

void Picture::place(unsigned number, const Tile& tile) {
  const unsigned left = number % frame_.across() * Frame::kTile;
  const unsigned top = number / frame_.across() * Frame::kTile;
  const unsigned width = std::min(Frame::kTile, frame_.width - left);
  const unsigned height = std::min(Frame::kTile, frame_.height - top);
  for (unsigned row = 0; row < height; ++row) {
    const std::size_t place = static_cast<std::size_t>(top + row) * frame_.width + left;
    std::copy_n(tile.data() + std::size_t{row} * Frame::kTile * 3, width * 3,
                pixels_.data() + place * 3);
  }
}

void Picture::write(std::ostream& out) const {
  out << "P6\n" << frame_.width << ' ' << frame_.height << "\n255\n";
  out.write(reinterpret_cast<const char*>(pixels_.data()),
            static_cast<std::streamsize>(pixels_.size()));
}

}  // namespace hive::workloads
