// Scripts with which the micro guest drives its first disk.
#pragma once

#include <linux/virtio_blk.h>

#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "tests/kvm/harness/micro_virtio.h"
#include "vmm/device/virtio/ring_abi.h"

namespace hive::test {

/// A read or write of a disk's first sector, or more, by a driver whose queue, request and buffer
/// are in one piece of guest memory at `base`, which the guest has mapped; the buffer may be
/// elsewhere.
struct MicroDisk {
  std::uint64_t base;
  std::uint64_t buffer = 0;  ///< Where the sector goes, or comes from; 0: within the piece.
  std::uint32_t sectors = 1;

  static constexpr std::uint16_t kQueueSize = 8;
  static constexpr std::uint32_t kSector = 512;

  [[nodiscard]] std::uint64_t available() const { return base + 0x100; }
  [[nodiscard]] std::uint64_t used() const { return base + 0x200; }
  [[nodiscard]] std::uint64_t header() const { return base + 0x300; }
  [[nodiscard]] std::uint64_t status() const { return base + 0x310; }
  [[nodiscard]] std::uint64_t data() const { return buffer != 0 ? buffer : base + 0x400; }

  /// Sets the device up and sends the read.
  [[nodiscard]] std::vector<micro::Action> read() const {
    return request(VIRTIO_BLK_T_IN, VRING_DESC_F_WRITE);
  }
  /// The same with a write.
  [[nodiscard]] std::vector<micro::Action> write() const { return request(VIRTIO_BLK_T_OUT, 0); }

  /// Waits for the answer.
  [[nodiscard]] micro::Action await() const { return micro::wait(2, used() + 2, 1); }

  static void append(std::vector<micro::Action>& script, const std::vector<micro::Action>& more) {
    MicroVirtio::append(script, more);
  }

 private:
  static constexpr MicroVirtio kDevice{1};  ///< The disk is the first one.

  [[nodiscard]] std::vector<micro::Action> request(std::uint32_t type, unsigned flags) const {
    std::vector<micro::Action> script = kDevice.set_up({{base, available(), used(), kQueueSize}});
    const std::vector<micro::Action> actions{
        micro::store(4, header(), type),
        micro::store(4, header() + 4, 0),
        micro::store(8, header() + 8, 0),
        micro::store(1, status(), 0xff),
        micro::store(2, available(), VRING_AVAIL_F_NO_INTERRUPT),
        micro::store(2, available() + 4, 0),
        micro::store(2, available() + 2, 1),
        kDevice.kick(0),
    };
    const auto add = [&](std::uint16_t index, std::uint64_t at, std::uint32_t length,
                         unsigned kind) {
      append(script, MicroVirtio::descriptor(base, index, at, length, kind));
    };
    add(0, header(), 16, VRING_DESC_F_NEXT);
    add(1, data(), sectors * kSector, VRING_DESC_F_NEXT | flags);
    add(2, status(), 1, VRING_DESC_F_WRITE);
    append(script, actions);
    return script;
  }
};

}  // namespace hive::test
