// Scripts with which the micro guest drives its vsock device.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "guests/abi/micro_script.h"
#include "tests/kvm/harness/micro_virtio.h"
#include "vmm/device/virtio/ring_abi.h"
#include "vmm/device/vsock/packet.h"

namespace hive::test {

/// A driver whose queues and packets are in one piece of guest memory at kBase. It has kSize
/// receive buffers of kBuffer bytes, each used once, and up to kSize packets to send, each as often
/// as the script likes.
class MicroVsock {
 public:
  static constexpr std::uint16_t kSize = 32;
  static constexpr std::uint32_t kBuffer = 0x1000;

  MicroVsock() {
    script = kDevice.set_up({queue_at(kReceive), queue_at(kTransmit)});
    for (std::uint16_t index = 0; index < kSize; ++index) {
      descriptor(kReceive, index, kBuffers + index * kBuffer, kBuffer, VRING_DESC_F_WRITE);
    }
    available(kReceive, kSize);
    script.push_back(kDevice.kick(0));
  }

  /// Adds a packet to send: HEADER, of which the device sees SIZE bytes, and then PAYLOAD bytes of
  /// whatever is there. Returns its number. At most kSize / 2.
  unsigned packet(const device::vsock::Header& header, std::uint32_t payload = 0,
                  std::uint32_t size = sizeof(device::vsock::Header)) {
    const auto number = static_cast<std::uint16_t>(packets_++);
    const std::uint64_t at = kHeaders + number * 0x40ULL;
    std::array<std::uint64_t, 6> words{};
    std::memcpy(words.data(), &header, sizeof header);
    for (unsigned word = 0; word < words.size(); ++word) {
      script.push_back(micro::store(8, at + word * 8, words[word]));
    }
    const auto first = static_cast<std::uint16_t>(2 * number);
    descriptor(kTransmit, first, at, size, payload != 0 ? VRING_DESC_F_NEXT : 0);
    if (payload != 0) {
      descriptor(kTransmit, static_cast<std::uint16_t>(first + 1), kPayload, payload, 0);
    }
    return number;
  }

  /// Sends packet NUMBER, and waits until the device has taken it.
  void send(unsigned number) {
    const std::uint64_t place = kTransmit + kAvailable + 4 + sent_ % kSize * 2U;
    script.push_back(micro::store(2, place, number * 2U));
    ++sent_;
    publish();
  }
  /// Sends the first COUNT packets at once, or as many of them where the queue has gone round: then
  /// it repeats what it had. Waits until the device has taken them.
  void send_all(unsigned count) {
    for (unsigned number = 0; number < count; ++number) {
      const std::uint64_t place = kTransmit + kAvailable + 4 + sent_++ % kSize * 2U;
      if (sent_ <= kSize) script.push_back(micro::store(2, place, number * 2U));
    }
    publish();
  }

  /// Waits until COUNT packets have come in all.
  void await(std::uint16_t count) { script.push_back(micro::wait(2, kReceive + kUsed + 2, count)); }
  /// Where the device has put packet NUMBER of those that have come.
  static constexpr std::uint64_t received(unsigned number) { return kBuffers + number * kBuffer; }

  std::vector<micro::Action> script;

 private:
  static constexpr MicroVirtio kDevice{2};  ///< After the entropy source.
  static constexpr std::uint64_t kReceive = HIVE_MICRO_FREE;
  static constexpr std::uint64_t kTransmit = HIVE_MICRO_FREE + 0x1000;
  static constexpr std::uint64_t kHeaders = HIVE_MICRO_FREE + 0x2000;
  static constexpr std::uint64_t kPayload = HIVE_MICRO_FREE + 0x1'0000;
  static constexpr std::uint64_t kBuffers = HIVE_MICRO_FREE + 0x4'0000;
  // Within a queue's page.
  static constexpr std::uint64_t kAvailable = 0x800;
  static constexpr std::uint64_t kUsed = 0xc00;

  static MicroVirtio::Queue queue_at(std::uint64_t page) {
    return {page, page + kAvailable, page + kUsed, kSize};
  }

  void descriptor(std::uint64_t queue, std::uint16_t index, std::uint64_t address,
                  std::uint32_t length, unsigned flags) {
    MicroVirtio::append(script, MicroVirtio::descriptor(queue, index, address, length, flags));
  }

  void available(std::uint64_t queue, std::uint16_t count) {
    for (std::uint16_t index = 0; index < count; ++index) {
      script.push_back(micro::store(2, queue + kAvailable + 4 + index * 2U, index));
    }
    script.push_back(micro::store(2, queue + kAvailable + 2, count));
  }

  void publish() {
    script.push_back(micro::store(2, kTransmit + kAvailable + 2, sent_));
    script.push_back(kDevice.kick(1));
    script.push_back(micro::wait(2, kTransmit + kUsed + 2, sent_));
  }

  unsigned packets_ = 0;
  std::uint16_t sent_ = 0;
};

}  // namespace hive::test
