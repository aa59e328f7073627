// The host's end of a connection, as far as packets go.
#pragma once

#include <cstdint>

#include "vmm/base/ids.h"
#include "vmm/device/vsock/credit.h"
#include "vmm/device/vsock/packet.h"

namespace hive::device::vsock {

/// One stream between a port of the guest and one of the host, of which this VMM is the peer
/// (virtio 1.2, 5.10.6). Pure.
class HostStream {
 public:
  /// What the guest may send before the host's program has taken it.
  static constexpr std::uint32_t kBuffer = 64 * 1024;

  enum class State : std::uint8_t {
    kAsked,    ///< The guest has called; the monitor has not answered.
    kCalling,  ///< The host has called; the guest has not answered.
    kOpen,
  };

  HostStream(Cid guest, std::uint32_t guest_port, std::uint32_t host_port, State state)
      : guest_(guest), guest_port_(guest_port), host_port_(host_port), state_(state) {}

  /// What a packet of the guest comes to.
  enum class Action : std::uint8_t {
    kNone,
    kPayload,  ///< The payload goes to the host's program.
    kAnswer,   ///< The guest wants a packet of kCreditUpdate.
    kShut,     ///< ends_sending() or ends_receiving() may have changed, and not both are true.
    kEnd,      ///< Both are: the stream ends, and the guest wants a reset.
    kReset,    ///< The guest has broken the rules: the stream ends, and it gets a reset.
    kGone,     ///< The guest has reset the stream.
  };
  /// HEADER's length is that of its payload, and is not a request.
  [[nodiscard]] Action take(const Header& header);

  /// The monitor has given the guest's call a socket.
  void open() { state_ = State::kOpen; }
  [[nodiscard]] State state() const { return state_; }
  /// The guest will send no more; it wants no more.
  [[nodiscard]] bool ends_sending() const { return (shut_ & kNoMoreSent) != 0; }
  [[nodiscard]] bool ends_receiving() const { return (shut_ & kNoMoreReceived) != 0; }

  /// A packet of OP to the guest, which tells it what room there is.
  [[nodiscard]] Header packet(Op op);

  /// How much payload may go to the guest.
  [[nodiscard]] std::uint32_t room() const { return to_guest_.room(); }
  /// COUNT bytes, at most room(), go to it.
  void spend(std::uint32_t count) { (void)to_guest_.spend(count); }
  /// The host's program has taken COUNT bytes of the guest's. Returns whether the guest should be
  /// told: it may wait for room.
  [[nodiscard]] bool took(std::uint32_t count);

  [[nodiscard]] std::uint32_t guest_port() const { return guest_port_; }
  [[nodiscard]] std::uint32_t host_port() const { return host_port_; }

 private:
  Cid guest_;
  std::uint32_t guest_port_;
  std::uint32_t host_port_;
  State state_;
  std::uint32_t shut_ = 0;  ///< Flags of kShutdown that the guest has sent.
  CreditWindow to_guest_;
  std::uint32_t received_ = 0;
  std::uint32_t forwarded_ = 0;
  std::uint32_t advertised_ = 0;  ///< `forwarded_`, as the guest was last told.
};

}  // namespace hive::device::vsock
