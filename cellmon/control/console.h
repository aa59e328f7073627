// One of a cell's consoles: what the guest wrote last.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cellmon/control/bounded_file.h"
#include "cellmon/control/byte_ring.h"
#include "cellmon/control/line_tracker.h"

namespace hive::control {

/// Keeps a console's output over all incarnations of its cell: the last kRing bytes in memory, more
/// in a file.
class Console {
 public:
  static constexpr std::size_t kRing = 64 * 1024;
  static constexpr std::size_t kFileLimit = 1024 * 1024;

  /// Makes the file at PATH, or goes on with it, as BEGIN says. Throws Error.
  explicit Console(std::string path, BoundedFile::Begin begin = BoundedFile::Begin::kAnew)
      : file_(std::move(path), kFileLimit, begin) {}

  void append(std::string_view bytes) {
    ring_.append(bytes);
    file_.append(bytes);
    lines_.append(bytes);
  }

  [[nodiscard]] std::string contents() const { return ring_.contents(); }
  [[nodiscard]] const std::string& last_line() const { return lines_.last_line(); }
  [[nodiscard]] const std::string& path() const { return file_.path(); }
  void keep_file() { file_.keep(); }

 private:
  ByteRing ring_{kRing};
  BoundedFile file_;
  LineTracker lines_;
};

}  // namespace hive::control
