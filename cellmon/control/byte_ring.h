// The last bytes of a stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hive::control {

/// Keeps the last `capacity` bytes. Takes memory only as bytes come.
class ByteRing {
 public:
  explicit ByteRing(std::size_t capacity) : capacity_(capacity) {}

  void append(std::string_view bytes);

  /// The kept bytes, oldest first.
  [[nodiscard]] std::string contents() const;

 private:
  std::size_t capacity_;
  std::string bytes_;
  std::size_t oldest_ = 0;  ///< Where the oldest byte is, once bytes_ is full.
};

}  // namespace hive::control
