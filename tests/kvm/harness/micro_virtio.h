// Scripts with which the micro guest sets up a virtio device.
#pragma once

#include <linux/virtio_config.h>

#include <cstdint>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/memory/layout.h"

namespace hive::test {

/// A driver for function NUMBER of the bus, from 1 on, whose BAR is where the bus has put it: each
/// virtio device has as much room.
class MicroVirtio {
 public:
  using Script = std::vector<micro::Action>;

  /// Where a queue's parts are in guest memory.
  struct Queue {
    std::uint64_t descriptors = 0;
    std::uint64_t available = 0;
    std::uint64_t used = 0;
    std::uint16_t size = 0;
  };

  explicit constexpr MicroVirtio(unsigned number)
      : config_(memory::layout::kEcam.start + (std::uint64_t{number} << 15)),
        bar_(memory::layout::kPciWindow.start + std::uint64_t{number - 1} * 0x8000) {}

  /// Sets the device up with QUEUES (virtio 1.2, 3.1 and 4.1.4.3).
  [[nodiscard]] Script set_up(const std::vector<Queue>& queues) const {
    Script script{
        micro::map(memory::layout::kEcam.start),
        micro::store(2, config_ + 4, 6),  // Decode memory, be a bus master.
        micro::store(1, bar_ + 0x14, kDriver),
        micro::store(4, bar_ + 0x08, 0),
        micro::store(4, bar_ + 0x0c, 0),
        micro::store(4, bar_ + 0x08, 1),
        micro::store(4, bar_ + 0x0c, 1),  // VERSION_1.
        micro::store(1, bar_ + 0x14, kDriver | VIRTIO_CONFIG_S_FEATURES_OK),
    };
    for (unsigned index = 0; index < queues.size(); ++index) {
      append(script, enable(index, queues[index]));
    }
    script.push_back(micro::store(
        1, bar_ + 0x14, kDriver | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK));
    return script;
  }

  /// Tells the device that queue INDEX has more.
  [[nodiscard]] micro::Action kick(unsigned index) const {
    return micro::store(2, bar_ + 0x3000 + 4ULL * index, index);
  }

  /// Descriptor INDEX of the table at TABLE, whose next one is the one after it.
  static Script descriptor(std::uint64_t table, std::uint16_t index, std::uint64_t address,
                           std::uint32_t length, unsigned flags) {
    const std::uint64_t at = table + index * 16ULL;
    const std::uint64_t next = index + 1ULL;
    return {micro::store(8, at, address),
            micro::store(8, at + 8, length | std::uint64_t{flags} << 32 | next << 48)};
  }

  static void append(Script& script, const Script& more) {
    script.insert(script.end(), more.begin(), more.end());
  }

 private:
  static constexpr unsigned kDriver = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

  [[nodiscard]] Script enable(unsigned index, const Queue& queue) const {
    return {
        micro::store(2, bar_ + 0x16, index),
        micro::store(2, bar_ + 0x18, queue.size),
        micro::store(8, bar_ + 0x20, queue.descriptors),
        micro::store(8, bar_ + 0x28, queue.available),
        micro::store(8, bar_ + 0x30, queue.used),
        micro::store(2, bar_ + 0x1c, 1),
    };
  }

  std::uint64_t config_;
  std::uint64_t bar_;
};

}  // namespace hive::test
