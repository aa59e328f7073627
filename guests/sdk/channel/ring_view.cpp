#include "guests/sdk/channel/ring_view.h"

#include <algorithm>

#include "guests/sdk/guard.h"

namespace hive::sdk {

bool RingBytes::load(std::uint32_t index, void* destination, std::size_t size) const {
  const std::uint32_t at = index & (capacity_ - 1);
  const std::size_t first = std::min<std::size_t>(size, capacity_ - at);
  auto* to = static_cast<unsigned char*>(destination);
  return guarded_load_bytes(base_ + at, to, first) &&
         (first == size || guarded_load_bytes(base_, to + first, size - first));
}

bool RingBytes::store(std::uint32_t index, const void* source, std::size_t size) const {
  const std::uint32_t at = index & (capacity_ - 1);
  const std::size_t first = std::min<std::size_t>(size, capacity_ - at);
  const auto* from = static_cast<const unsigned char*>(source);
  return guarded_store_bytes(base_ + at, from, first) &&
         (first == size || guarded_store_bytes(base_, from + first, size - first));
}

}  // namespace hive::sdk
