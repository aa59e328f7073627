#include "cellmon/control/byte_ring.h"

#include <algorithm>

namespace hive::control {

void ByteRing::append(std::string_view bytes) {
  if (bytes.size() > capacity_) bytes.remove_prefix(bytes.size() - capacity_);
  const std::size_t growth = std::min(capacity_ - bytes_.size(), bytes.size());
  bytes_.append(bytes.substr(0, growth));
  for (const char byte : bytes.substr(growth)) {
    bytes_[oldest_] = byte;
    oldest_ = (oldest_ + 1) % capacity_;
  }
}

std::string ByteRing::contents() const {
  return bytes_.substr(oldest_) + bytes_.substr(0, oldest_);
}

}  // namespace hive::control
