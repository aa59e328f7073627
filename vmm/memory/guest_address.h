// A guest-physical address.
#pragma once

#include <compare>
#include <cstdint>

namespace hive::memory {

/// A guest-physical address. A type of its own, so that it is never taken for a host address, an
/// offset or a length.
struct GuestAddress {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(const GuestAddress&, const GuestAddress&) = default;
  friend constexpr GuestAddress operator+(GuestAddress address, std::uint64_t offset) {
    return {address.value + offset};
  }
};

}  // namespace hive::memory
