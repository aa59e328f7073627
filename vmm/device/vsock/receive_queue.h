// The queue by which the guest takes packets.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "vmm/device/virtio/virtio_device.h"
#include "vmm/device/vsock/packet.h"

namespace hive::device::vsock {

/// Holds at most one chain, so that whoever has a packet knows how much of it fits. With the
/// device's lock held.
class ReceiveQueue {
 public:
  ReceiveQueue(VirtioTransport& transport, unsigned index) : transport_(transport), index_(index) {}

  /// Whether the guest has a buffer for a packet.
  [[nodiscard]] bool ready();
  /// How much payload the buffer takes: at least 1. Only where ready().
  [[nodiscard]] std::uint64_t room() const { return chain_.writable_bytes - sizeof(Header); }

  /// Gives the guest HEADER and HEADER.length bytes, at most room(), of PAYLOAD from OFFSET on.
  /// False when the buffer is where the cell may not write: the queue is broken then. Only where
  /// ready().
  bool deliver(const Header& header, std::span<const iovec> payload = {}, std::uint64_t offset = 0);

  /// Forgets the chain: the queue is reset.
  void forget() { held_ = false; }

 private:
  static constexpr std::size_t kMostBuffers = Virtqueue::kMaxSize;

  VirtioTransport& transport_;
  unsigned index_;
  std::array<iovec, kMostBuffers> storage_{};
  Chain chain_{.storage = storage_};
  bool held_ = false;
};

}  // namespace hive::device::vsock
