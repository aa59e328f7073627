// The way of packets from one sibling.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vmm/base/token_bucket.h"
#include "vmm/base/unique_fd.h"
#include "vmm/device/event_source.h"
#include "vmm/device/vsock/outgoing.h"
#include "vmm/device/vsock/path_faults.h"
#include "vmm/device/vsock/receive_queue.h"
#include "vmm/device/vsock/ring.h"
#include "vmm/device/vsock/ring_mapping.h"
#include "vmm/device/vsock/switch.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {

/// Takes records from a ring, as far as the pair's rate allows, has them judged by the switch, and
/// gives them to the guest in as many packets as its buffers need. What is not taken stays in the
/// ring. With the device's lock held.
class Incoming {
 public:
  struct Setup {
    RingFiles files;
    std::uint32_t packets_per_second = 0;
    std::string what;  ///< For errors.
  };

  /// Serves SWITCH's peer PEER. ON_DATA is called, without the lock, when wake() is due. Throws
  /// Error.
  Incoming(boost::asio::io_context& loop, Setup setup, Switch& packets, std::size_t peer,
           std::function<void()> on_data);

  /// The producer has signalled that there may be more, or is up.
  void wake();

  /// Does one thing, whether it uses QUEUE's buffer or not. Only while QUEUE is ready. False where
  /// there is nothing to do.
  bool step(ReceiveQueue& queue, Clock::time_point now);
  /// When step() has something to do again by time alone.
  [[nodiscard]] std::optional<Clock::time_point> due() const;

  void set_faults(const PathFaults& faults) { faults_.set(faults); }
  /// The sibling is gone: what of it is held here, or has reached the guest in part, is dropped.
  void peer_down();
  /// The guest is gone: what it has had half of is dropped.
  void forget();

 private:
  /// A packet on its way to the guest, in the ring or in faults_.
  struct Current {
    Header header;
    std::uint32_t sent = 0;  ///< A stamp, of the sibling's VMM.
    std::uint32_t done = 0;  ///< Payload that the guest has.
    bool held = false;       ///< In faults_.
  };

  bool take_record(Clock::time_point now);
  bool mend();
  void hold(const RecordHead& head, Clock::time_point now);
  bool take_held(const HeldPacket& packet, Clock::time_point now);
  void deliver(ReceiveQueue& queue);
  void finish();
  void pop();

  RingMapping mapping_;
  RingConsumer ring_;
  UniqueFd space_;
  Switch& switch_;
  std::size_t peer_;
  TokenBucket bucket_;
  bool throttled_ = false;
  bool asleep_ = false;   ///< Nothing to take before wake().
  bool may_mend_ = true;  ///< Since wake(), nothing was mended.
  FaultStage faults_;
  std::optional<Current> current_;
  EventSource data_;
};

}  // namespace hive::device::vsock
