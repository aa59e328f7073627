// Ways in which a VMM that somebody has taken over could try to write where it must not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/base/range.h"
#include "vmm/base/unique_fd.h"
#include "vmm/device/virtio/io_ring.h"

namespace hive::test {

/// What is there for the taking in a VMM.
struct Target {
  std::byte* page = nullptr;          ///< One of another cell's, which this one may not write.
  std::span<std::byte> contribution;  ///< That it is of, all that is mapped of it.
  std::uint64_t inode = 0;            ///< Of the contribution's file.
  Range ram;                          ///< memory::GuestMemory::span() of its guest's.
  int file = -1;                      ///< An open memfd that holds kMark and may be mapped.
  int socket = -1;                    ///< To a process that is not confined.
  device::IoRing* ring = nullptr;     ///< As a disk has it.
};

/// What is written where a way is open.
inline constexpr std::byte kMark{0xee};

/// What comes of an attempt where there is no sandbox.
enum class Unconfined {
  kWrites,    ///< The foreign page changes.
  kSucceeds,  ///< The call succeeds, which is a step on the way.
  kVaries,    ///< Kernels differ, or something else stands in its way as well.
};

/// What must come of it within the sandbox, where the foreign page never changes.
enum class Confined {
  kRefused,   ///< EPERM, or EACCES from a restricted io_uring.
  kHarmless,  ///< Whatever the call says.
  kDies,      ///< The process ends by SIGSYS.
};

struct Attempt {
  const char* name;
  Unconfined unconfined;
  Confined confined;
  /// Returns 0 or an errno.
  int (*make)(const Target& target);
};

std::span<const Attempt> attempts();

/// Slot and place of the memory that attempt "memory slot" gives to the guest.
inline constexpr std::uint32_t kAliasSlot = 100;
inline constexpr std::uint64_t kAlias = std::uint64_t{64} << 30;

/// What a rogue VMM (main.cpp) tells of an attempt.
struct AttemptReport {
  std::uint32_t attempt = 0;  ///< Its place in attempts(), or their number for the guest's turn.
  std::int32_t error = 0;     ///< As returned, or enum hive_micro_status of the guest's store.
};

}  // namespace hive::test
