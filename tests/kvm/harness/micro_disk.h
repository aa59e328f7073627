// Scripts with which the micro guest drives its first disk.
#pragma once

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/device/virtio/ring_abi.h"
#include "vmm/memory/layout.h"

namespace hive::test {

/// A read of a disk's first sector by a driver whose queue, request and buffer are in one piece of
/// guest memory at `base`, which the guest has mapped; the buffer may be elsewhere.
struct MicroDisk {
  std::uint64_t base;
  std::uint64_t buffer = 0;  ///< Where the sector goes; 0: within the piece.

  // The disk is the first device; its BAR is where the bus has put it.
  static constexpr std::uint64_t kConfig = memory::layout::kEcam.start + (1 << 15);
  static constexpr std::uint64_t kBar = memory::layout::kPciWindow.start;
  static constexpr std::uint64_t kDoorbell = kBar + 0x3000;
  static constexpr std::uint16_t kQueueSize = 8;
  static constexpr std::uint32_t kSector = 512;

  [[nodiscard]] std::uint64_t available() const { return base + 0x100; }
  [[nodiscard]] std::uint64_t used() const { return base + 0x200; }
  [[nodiscard]] std::uint64_t header() const { return base + 0x300; }
  [[nodiscard]] std::uint64_t status() const { return base + 0x310; }
  [[nodiscard]] std::uint64_t data() const { return buffer != 0 ? buffer : base + 0x400; }

  /// Sets the device up and sends the read (virtio 1.2, 3.1 and 4.1.4.3).
  [[nodiscard]] std::vector<micro::Action> read() const {
    std::vector<micro::Action> script = set_up();
    const std::vector<micro::Action> request{
        micro::store(4, header(), VIRTIO_BLK_T_IN),
        micro::store(4, header() + 4, 0),
        micro::store(8, header() + 8, 0),
        micro::store(1, status(), 0xff),
        micro::store(2, available(), VRING_AVAIL_F_NO_INTERRUPT),
        micro::store(2, available() + 4, 0),
        micro::store(2, available() + 2, 1),
        micro::store(2, kDoorbell, 0),
    };
    append(script, descriptor(0, header(), 16, VRING_DESC_F_NEXT));
    append(script, descriptor(1, data(), kSector, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE));
    append(script, descriptor(2, status(), 1, VRING_DESC_F_WRITE));
    append(script, request);
    return script;
  }

  /// Waits for the answer to read().
  [[nodiscard]] micro::Action await() const { return micro::wait(2, used() + 2, 1); }

  static void append(std::vector<micro::Action>& script, const std::vector<micro::Action>& more) {
    script.insert(script.end(), more.begin(), more.end());
  }

 private:
  [[nodiscard]] std::vector<micro::Action> set_up() const {
    return {
        micro::map(memory::layout::kEcam.start),
        micro::store(2, kConfig + 4, 6),  // Decode memory, be a bus master.
        micro::store(1, kBar + 0x14, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER),
        micro::store(4, kBar + 0x08, 0),
        micro::store(4, kBar + 0x0c, 0),
        micro::store(4, kBar + 0x08, 1),
        micro::store(4, kBar + 0x0c, 1),  // VERSION_1.
        micro::store(1, kBar + 0x14, 0x0b),
        micro::store(2, kBar + 0x16, 0),
        micro::store(2, kBar + 0x18, kQueueSize),
        micro::store(8, kBar + 0x20, base),
        micro::store(8, kBar + 0x28, available()),
        micro::store(8, kBar + 0x30, used()),
        micro::store(2, kBar + 0x1c, 1),
        micro::store(1, kBar + 0x14, 0x0f),
    };
  }

  [[nodiscard]] std::vector<micro::Action> descriptor(std::uint16_t index, std::uint64_t address,
                                                      std::uint32_t length, unsigned flags) const {
    const std::uint64_t at = base + std::uint64_t{index} * 16;
    return {micro::store(8, at, address), micro::store(4, at + 8, length),
            micro::store(2, at + 12, flags), micro::store(2, at + 14, index + 1U)};
  }
};

}  // namespace hive::test
