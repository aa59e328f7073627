// Writes to memory that may be refused.
#pragma once

#include <cstddef>
#include <span>

#include "vmm/base/unique_fd.h"

namespace hive::memory {

/// Writes to memory by a system call, so that where this process may not write the answer is false
/// instead of a signal. The kernel stores through the mapping itself: a page that is protected
/// while the write is under way is not written any more, as it would be through a page that a
/// device or another system call has pinned. One object for each thread.
class BounceFile {
 public:
  static constexpr std::size_t kMaxWrite = 64 * 1024;

  /// Throws Error.
  BounceFile();

  /// Copies BYTES, at most kMaxWrite, to TARGET. False when not all could be written; any bytes
  /// from the first on may have been.
  [[nodiscard]] bool write(std::byte* target, std::span<const std::byte> bytes);

 private:
  UniqueFd file_;
};

}  // namespace hive::memory
