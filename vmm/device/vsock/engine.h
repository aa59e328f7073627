// What moves packets between the vsock device's queues, rings and sockets.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vmm/device/vsock/host_connections.h"
#include "vmm/device/vsock/incoming.h"
#include "vmm/device/vsock/outgoing.h"
#include "vmm/device/vsock/receive_queue.h"
#include "vmm/device/vsock/switch.h"
#include "vmm/device/vsock/virtio_vsock.h"

namespace hive::device {

/// See VirtioVsock, whose calls it gets.
class VirtioVsock::Engine {
 public:
  static constexpr unsigned kReceive = 0;
  static constexpr unsigned kTransmit = 1;
  /// The third is for events, of which there is none: cells do not migrate.
  static constexpr std::array<std::uint16_t, 3> kQueueSizes{256, 256, 16};

  explicit Engine(Setup setup);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  [[nodiscard]] Cid cid() const { return cid_; }
  void attach(VirtioTransport& transport);
  void activate() { active_ = true; }
  void process(unsigned index);
  void reset_queue(unsigned index);
  void reset();

  void peer_up(unsigned cell, Incarnation incarnation);
  void peer_down(unsigned cell, Incarnation incarnation);
  void host_answer(std::uint32_t request, UniqueFd socket);
  void host_call(std::uint32_t port, UniqueFd socket);
  void set_faults(unsigned cell, const vsock::PathFaults& faults);
  [[nodiscard]] std::optional<vsock::VsockCounters> counters(unsigned cell);
  [[nodiscard]] vsock::GuestCounters guest_counters();

 private:
  struct Link {
    std::unique_ptr<vsock::Outgoing> out;
    std::unique_ptr<vsock::Incoming> in;
  };

  void take_from_guest();
  void route(const Chain& chain);
  void send(std::size_t peer, const vsock::Header& header, std::span<const iovec> payload = {},
            std::uint64_t offset = 0);
  void send_owed();
  /// Gives the guest what there is for it, in turns.
  void pump();
  [[nodiscard]] bool step(vsock::Clock::time_point now);
  void arm_timer();
  /// Sees that the guest learns some day of the packets taken from it.
  void complete_later();
  void delay_completion();
  /// Calls WORK with the lock held, and pumps.
  void run(const std::function<void()>& work);

  Cid cid_;
  Incarnation incarnation_;
  std::uint32_t packets_per_second_;
  vsock::HostLimits host_limits_;
  std::vector<Peer> peers_;  ///< Without their descriptors, once attached.
  std::function<bool(std::uint32_t, std::uint32_t)> ask_host_;
  vsock::Switch switch_;
  bool active_ = false;
  std::size_t next_ = 0;  ///< Whose turn it is: a link, or the host after the last.
  std::array<iovec, kQueueSizes[kTransmit]> storage_{};
  // Once attached:
  VirtioTransport* transport_ = nullptr;
  std::optional<vsock::ReceiveQueue> receive_;
  std::vector<Link> links_;
  std::optional<vsock::HostConnections> host_;
  std::optional<boost::asio::steady_timer> timer_;
  std::optional<boost::asio::steady_timer> completion_;
  unsigned delays_left_ = 0;  ///< Until the driver is told; completion_ runs.
  bool sends_on_ = false;     ///< A packet was given back since the delay began.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hive::device
