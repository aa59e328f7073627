// Guests with a vsock device each, and the rings between them, as monitors would make them.
#pragma once

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/device/guest_driver.h"
#include "vmm/base/descriptors.h"
#include "vmm/device/vsock/packet.h"
#include "vmm/device/vsock/ring.h"
#include "vmm/device/vsock/virtio_vsock.h"
#include "vmm/memory/ring_file.h"
#include "vmm/memory/shared_file.h"

namespace hive::device::test {

/// A ring as its monitor keeps it; both VMMs get copies.
struct SharedRing {
  SharedRing()
      : file(memory::make_shared_file("ring", memory::kRingFileBytes)),
        data(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        space(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  [[nodiscard]] vsock::RingFiles copy() const {
    return {copy_fd(file.get()), copy_fd(data.get()), copy_fd(space.get())};
  }
  UniqueFd file, data, space;
};

inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

struct Packet {
  vsock::Header header;
  std::vector<std::byte> payload;
};

/// A packet from a guest at SOURCE_CID.
inline vsock::Header packet(std::uint64_t source_cid, std::uint32_t source_port,
                            std::uint64_t target_cid, std::uint32_t target_port, vsock::Op op,
                            std::uint32_t length = 0) {
  vsock::Header header;
  header.source_cid = source_cid;
  header.source_port = source_port;
  header.target_cid = target_cid;
  header.target_port = target_port;
  header.type = vsock::kStream;
  header.op = op;
  header.length = length;
  header.buffer = 256 * 1024;
  return header;
}

/// A guest with a driver for its vsock device, which has 16 receive buffers of BUFFER bytes.
class VsockGuest {
 public:
  static constexpr std::uint16_t kBuffers = 16;
  static constexpr std::uint16_t kTransmitBuffers = 32;
  static constexpr std::uint64_t kReceiveArea = 0x10'0000;
  static constexpr std::uint64_t kTransmitArea = 0x20'0000;

  explicit VsockGuest(VirtioVsock::Setup setup, std::uint32_t buffer = 4096 + 44)
      : cid(setup.cid), buffer_(buffer) {
    auto owned = std::make_unique<VirtioVsock>(std::move(setup));
    device = owned.get();
    driver.emplace(machine, machine.attach(std::move(owned)));
    start();
  }

  void start() {
    receive = GuestQueue(machine.ram, 0x1000, kBuffers);
    transmit = GuestQueue(machine.ram, 0x3000, kTransmitBuffers);
    driver->negotiate(features);
    driver->enable(0, receive);
    driver->enable(1, transmit);
    for (std::uint16_t head = 0; head < kBuffers; ++head) offer(head);
    driver->ready();
    machine.settle();
  }

  void offer(std::uint16_t head) {
    if (!offering) return;
    receive.add(head, {{kReceiveArea + head * 0x1'1000ULL, buffer_, true}});
  }

  /// Sends HEADER with PAYLOAD and lets the device work.
  void send(const vsock::Header& header, std::string_view payload = {}) {
    send_raw(std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(payload)));
  }
  void send_raw(std::span<const std::byte> header, std::span<const std::byte> payload = {}) {
    (void)machine.ram.write({kTransmitArea}, header);
    if (!payload.empty()) (void)machine.ram.write({kTransmitArea + 0x100}, payload);
    std::vector<Buffer> buffers{{kTransmitArea, static_cast<std::uint32_t>(header.size())}};
    if (!payload.empty()) {
      buffers.push_back({kTransmitArea + 0x100, static_cast<std::uint32_t>(payload.size())});
    }
    transmit.add(0, buffers);
    driver->kick(1);
    (void)machine.run_until([&] { return transmit.take_used().has_value(); });
    machine.settle();
  }

  /// Takes what the device has given, and offers the buffers again.
  void collect() {
    machine.settle();
    for (bool any = true; any;) {
      any = false;
      while (const auto used = receive.take_used()) {
        any = true;
        Packet& got = received.emplace_back();
        const std::uint64_t at = kReceiveArea + used->head * 0x1'1000ULL;
        (void)machine.ram.read({at}, std::as_writable_bytes(std::span(&got.header, 1)));
        got.payload.resize(used->length - sizeof got.header);
        if (!got.payload.empty()) {
          (void)machine.ram.read({at + sizeof got.header}, got.payload);
        }
        offer(static_cast<std::uint16_t>(used->head));
      }
      if (any) driver->kick(0);
      machine.settle();
    }
  }
  /// The next packet for the guest, or nothing.
  std::optional<Packet> take() {
    collect();
    if (received.empty()) return std::nullopt;
    Packet first = std::move(received.front());
    received.pop_front();
    return first;
  }

  std::uint64_t cid;
  TestMachine machine;
  VirtioVsock* device = nullptr;
  std::optional<GuestDriver> driver;
  GuestQueue receive{machine.ram, 0x1000, kBuffers};
  GuestQueue transmit{machine.ram, 0x3000, kTransmitBuffers};
  std::deque<Packet> received;
  std::uint64_t features = 3;
  bool offering = true;  ///< Whether buffers are offered again.

 private:
  std::uint32_t buffer_;
};

/// Cells 0, 1, ... with CIDs 3, 4, ..., all of which may call each other. Their incarnations are 1.
class VsockCells {
 public:
  explicit VsockCells(unsigned count, std::uint32_t packets_per_second = 0,
                      vsock::HostLimits host_limits = {})
      : rate_(packets_per_second), host_limits_(host_limits), rings_(count) {
    for (auto& row : rings_) row = std::vector<SharedRing>(count);
    for (unsigned cell = 0; cell < count; ++cell) guests.push_back(make(cell, 1));
    for (unsigned cell = 0; cell < count; ++cell) {
      for (unsigned peer = 0; peer < count; ++peer) {
        if (peer != cell) guests[cell]->device->peer_up(peer, 1);
      }
    }
  }

  std::unique_ptr<VsockGuest> make(unsigned cell, Incarnation incarnation) {
    VirtioVsock::Setup setup;
    setup.cid = cell + 3;
    setup.incarnation = incarnation;
    setup.packets_per_second = rate_;
    setup.host_limits = host_limits_;
    setup.ask_host = [this](std::uint32_t request, std::uint32_t port) {
      asked.emplace_back(request, port);
      return host_answers;
    };
    for (unsigned peer = 0; peer < rings_.size(); ++peer) {
      if (peer == cell) continue;
      setup.peers.push_back({{peer, peer + 3, true, true},
                             "cell" + std::to_string(peer),
                             rings_[cell][peer].copy(),
                             rings_[peer][cell].copy()});
    }
    return std::make_unique<VsockGuest>(std::move(setup));
  }

  /// Lets all devices work until none has anything to do.
  void settle() {
    for (int round = 0; round < 8; ++round) {
      for (const auto& guest : guests) {
        if (guest) guest->collect();
      }
    }
  }

  SharedRing& ring(unsigned from, unsigned to) { return rings_[from][to]; }

  std::vector<std::unique_ptr<VsockGuest>> guests;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> asked;  ///< Requests and ports.
  bool host_answers = true;

 private:
  std::uint32_t rate_;
  vsock::HostLimits host_limits_;
  std::vector<std::vector<SharedRing>> rings_;  ///< From, to.
};

}  // namespace hive::device::test
