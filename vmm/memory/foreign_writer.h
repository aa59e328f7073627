// How devices write to global memory.
#pragma once

#include <cstddef>
#include <span>

namespace hive::memory {

/// Writes to global memory on behalf of a cell's devices, where the write firewall binds them as it
/// binds the cell's vCPUs. On the device loop's thread.
class ForeignWriter {
 public:
  virtual ~ForeignWriter() = default;

  /// Copies BYTES to TARGET, an address within this process's mapping of global memory. False when
  /// the firewall stopped it; what lies before the forbidden page may have been written. Waits for
  /// the word of the pages' home, which its monitor gives within microseconds; false also when the
  /// home's monitor hangs or is gone, and the word does not come in a bounded time.
  [[nodiscard]] virtual bool write(std::byte* target, std::span<const std::byte> bytes) = 0;

  /// Where a device finds what the guest sees in the LENGTH bytes at TARGET, and writes to them:
  /// the same place, or all-ones where home is closed. Null where the device cannot have them.
  [[nodiscard]] virtual std::byte* shown(std::byte* target, std::size_t length) = 0;
};

}  // namespace hive::memory
