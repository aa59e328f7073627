// A picture in tiles, each of which can be computed by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <vector>

#include "guests/workloads/raytrace/scene.h"

namespace hive::workloads {

struct Frame {
  unsigned width = 160;  ///< In pixels, 1 to kMostPixels; the height likewise.
  unsigned height = 120;
  unsigned samples = 1;  ///< Rays for each pixel in each direction: 1 to 8.

  static constexpr unsigned kMostPixels = 4096;
  static constexpr unsigned kTile = 16;  ///< A tile's width and height.
  static constexpr std::size_t kTileBytes = kTile * kTile * 3;

  [[nodiscard]] unsigned tiles() const { return across() * ((height + kTile - 1) / kTile); }
  [[nodiscard]] unsigned across() const { return (width + kTile - 1) / kTile; }
};

using Tile = std::vector<unsigned char>;  ///< kTileBytes: rows of red, green and blue.

/// Renders tile NUMBER, below `frame.tiles()`. What lies outside of the picture is black.
Tile render(const Frame& frame, std::span<const Sphere> scene, unsigned number);

class Picture {
 public:
  explicit Picture(const Frame& frame);

  void place(unsigned number, const Tile& tile);
  /// As a binary PPM file.
  void write(std::ostream& out) const;
  /// Of that file's pixels, rows from top to bottom.
  [[nodiscard]] const std::vector<unsigned char>& pixels() const { return pixels_; }

 private:
  Frame frame_;
  std::vector<unsigned char> pixels_;
};

}  // namespace hive::workloads
