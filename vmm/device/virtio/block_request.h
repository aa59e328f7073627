// What a guest asks of its disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/device/virtio/chain.h"

namespace hive::device {

/// A request taken from a chain and checked (virtio 1.2, 5.2.6).
struct BlockRequest {
  enum class Kind : std::uint8_t {
    kRead,
    kWrite,
    kFlush,
    kIdentify,     ///< The disk's serial number.
    kDiscard,      ///< The content of a range is no longer needed.
    kWriteZeroes,  ///< A range reads as zeroes from now on.
    kRefused,      ///< Not to be done: answer with `refusal`.
  };

  Kind kind = Kind::kRefused;
  std::uint8_t refusal = 0;     ///< VIRTIO_BLK_S_IOERR or _UNSUPP.
  bool may_unmap = false;       ///< kWriteZeroes: the range may be deallocated.
  std::uint64_t offset = 0;     ///< Bytes, a multiple of 512; with `length` within the disk.
  std::uint64_t length = 0;     ///< Bytes, a multiple of 512 but for kIdentify.
  std::uint64_t room = 0;       ///< Bytes that the guest wants filled, before the status.
  std::span<iovec> data;        ///< kRead, kIdentify: to fill. kWrite: to store.
  std::byte* status = nullptr;  ///< Where the guest wants the status.
  memory::ForeignWriter* writer = nullptr;  ///< The chain's: for `data` and `status`.
};

/// The disk as far as requests are checked against it.
struct BlockLimits {
  std::uint64_t sectors = 0;
  bool read_only = false;
};

/// Checks the request in CHAIN, whose buffers it takes apart. False when it has no header or no
/// place for a status, so that it cannot be answered.
[[nodiscard]] bool parse_block_request(Chain& chain, const BlockLimits& limits,
                                       BlockRequest& request);

}  // namespace hive::device
