// Write protection of a mapping that another process may lift.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "vmm/base/range.h"
#include "vmm/base/unique_fd.h"

namespace hive::memory {

/// Protects the SIZE bytes at BASE (both multiples of the page size; a shared mapping of this
/// process) against writes, by userfaultfd's write-protect mode, and returns the userfaultfd that
/// governs them. A protected page can be read; a thread that writes to it waits, in user space, in
/// KVM or in a system call, until the descriptor's holder decides.
///
/// Protection ends when the descriptor's last copy is closed. Throws Error, naming the remedy,
/// where the host or this user's rights do not allow it.
UniqueFd protect_writes(std::byte* base, std::uint64_t size);

/// A write that waits.
struct BlockedWrite {
  std::uint64_t offset = 0;  ///< Of its page within the mapping.
  pid_t thread = 0;          ///< The thread that writes, as its own process numbers it.
};

/// The holder's end of protect_writes(), in any process. Offsets and ranges are those of bytes
/// within the mapping, in whole pages. Not thread-safe.
class WriteGuard {
 public:
  /// What became of a change of protection.
  enum class Outcome {
    kDone,
    /// The process that had the mapping has ended, or has unmapped a part of the range. What is
    /// still mapped of it has changed.
    kGone,
  };

  WriteGuard() = default;
  /// For the mapping at address BASE (in its own process) of SIZE bytes that DESCRIPTOR governs.
  WriteGuard(UniqueFd descriptor, std::uint64_t base, std::uint64_t size)
      : descriptor_(std::move(descriptor)), base_(base), size_(size) {}

  /// Readable when next() has something. Never blocks.
  [[nodiscard]] int fd() const { return descriptor_.get(); }
  [[nodiscard]] std::uint64_t base() const { return base_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// The next write that waits and has not been told before.
  [[nodiscard]] std::optional<BlockedWrite> next();

  /// Lets RANGE be written, and threads that wait there go on.
  Outcome open(const Range& range);
  /// Protects RANGE again. Synchronous: when it returns no CPU, virtual or not, writes to it any
  /// more without being stopped, in however many pieces the process has its mapping by now.
  Outcome protect(const Range& range);
  /// Has the threads that wait at RANGE try again.
  Outcome wake(const Range& range);

 private:
  UniqueFd descriptor_;
  std::uint64_t base_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace hive::memory
