// Where a guest finds global memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "vmm/base/range.h"
#include "vmm/memory/guest_address.h"

namespace hive::memory {

/// The guest-physical places of global memory: its window, always, and a PCI BAR, which the guest
/// may move or turn off. Thread-safe.
class GlobalPlaces {
 public:
  explicit GlobalPlaces(const Range& window) : window_(window) {}

  [[nodiscard]] const Range& window() const { return window_; }
  /// Of global memory, in bytes.
  [[nodiscard]] std::uint64_t size() const { return window_.size; }

  /// The guest has global memory at ADDRESS too from now on, or in its window only.
  void set_alias(std::optional<GuestAddress> address) {
    alias_.store(address ? address->value : kNowhere, std::memory_order_release);
  }

  /// The offset within global memory of the LENGTH bytes at ADDRESS, where all of them are in it.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(GuestAddress address,
                                                       std::uint64_t length) const {
    for (const std::uint64_t start : {window_.start, alias_.load(std::memory_order_acquire)}) {
      if (start == kNowhere || address.value < start) continue;
      const std::uint64_t offset = address.value - start;
      if (offset < size() && fits_within(offset, length, size())) return offset;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint64_t kNowhere = ~std::uint64_t{0};
  Range window_;
  std::atomic<std::uint64_t> alias_{kNowhere};
};

}  // namespace hive::memory
