// What becomes of each packet that comes from the guest or from a sibling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/device/vsock/connections.h"
#include "vmm/device/vsock/counters.h"
#include "vmm/device/vsock/packet.h"

namespace hive::device::vsock {

/// A sibling, as the plan has it.
struct PeerRights {
  unsigned cell = 0;
  Cid cid = 0;
  bool may_call = false;       ///< The guest may open connections to it.
  bool may_be_called = false;  ///< It may open connections to the guest.
};

/// Decides by headers alone, which are hostile, and owes packets of its own: resets. Keeps the
/// connections between the guest and its siblings; those with the host are not its business. Pure
/// and single-threaded; peers are named by their index in the constructor's list.
class Switch {
 public:
  Switch(Cid own, Incarnation incarnation, std::span<const PeerRights> peers);

  /// Where a packet goes.
  struct Route {
    enum To : std::uint8_t { kNowhere, kHost, kPeer } to = kNowhere;
    std::size_t peer = 0;
  };

  /// Takes HEADER from the guest, in a chain that has LENGTH bytes after it.
  [[nodiscard]] Route from_guest(const Header& header, std::uint64_t length, Clock::time_point now);

  /// What is to be done with a record of PEER's.
  enum class Age : std::uint8_t {
    kPresent,
    kStale,  ///< From or for an incarnation that is gone: dropped.
    kEarly   ///< From one that has begun, of which this VMM has not been told yet.
  };
  /// BEGUN is the incarnation of the producer that has begun last.
  [[nodiscard]] Age judge(std::size_t peer, Incarnation from, Incarnation to,
                          std::uint64_t begun) const;

  /// Takes HEADER of a present record of PEER's with LENGTH bytes of payload. True: it goes to the
  /// guest.
  [[nodiscard]] bool from_peer(std::size_t peer, const Header& header, std::uint64_t length,
                               Clock::time_point now);

  /// There was no room for HEADER on its way to PEER: its connection is reset.
  void overflowed(std::size_t peer, const Header& header);

  /// INCARNATION of PEER is there; or is no more, and neither is any before it. peer_up() returns
  /// whether it is a new one.
  bool peer_up(std::size_t peer, Incarnation incarnation);
  void peer_down(std::size_t peer, Incarnation incarnation);
  /// The guest has reset the device: its siblings are told that its connections are.
  void guest_gone();

  /// The present incarnation of PEER, or 0.
  [[nodiscard]] Incarnation present(std::size_t peer) const { return peers_[peer].present; }
  /// Whether a packet between the guest and PEER belongs to a connection still.
  [[nodiscard]] bool is_connected(std::size_t peer, std::uint32_t guest_port,
                                  std::uint32_t peer_port);

  /// Packets that are owed to the guest, all without payload, and the oldest of them.
  [[nodiscard]] std::size_t owed_to_guest() const { return for_guest_.size(); }
  [[nodiscard]] Header take_for_guest();
  /// Adds an answer to what it has sent, or a packet of the host's, unless it leaves too many
  /// untaken.
  void owe_guest(const Header& header);
  /// The same to peers, oldest first.
  struct Owed {
    std::size_t peer;
    Header header;
  };
  [[nodiscard]] std::vector<Owed> take_for_peers() { return std::exchange(for_peers_, {}); }

  [[nodiscard]] VsockCounters& counters(std::size_t peer) { return peers_[peer].counters; }
  [[nodiscard]] VsockCounters count(std::size_t peer) const;
  [[nodiscard]] std::optional<std::size_t> peer_of_cell(unsigned cell) const;
  /// Packets of the guest that break the rules: dropped.
  [[nodiscard]] std::uint64_t malformed_by_guest() const { return malformed_by_guest_; }
  void count_malformed_by_guest() { ++malformed_by_guest_; }

 private:
  struct Peer {
    PeerRights rights;
    Incarnation present = 0;  ///< 0: it is not there.
    Incarnation last = 0;     ///< The newest that has ever been.
    Connections connections;
    VsockCounters counters;
  };

  [[nodiscard]] bool pass(std::size_t index, Side from, const Header& header,
                          Clock::time_point now);
  [[nodiscard]] bool call(std::size_t index, Side from, const Header& header,
                          Clock::time_point now);
  [[nodiscard]] bool pass_connected(std::size_t index, Side from, const Header& header,
                                    Connection& connection);
  void answer_reset(std::size_t index, Side to, const Header& packet);
  void owe(std::size_t index, Side to, const Header& header);
  void reset_both(std::size_t index, Connections::Ports ports);
  void count_malformed(std::size_t index, Side by);
  [[nodiscard]] Header reset_towards(std::size_t index, Side to, Connections::Ports ports,
                                     std::uint16_t type) const;

  Cid own_;
  Incarnation incarnation_;
  std::vector<Peer> peers_;
  struct ForGuest {
    Header header;
    bool answer;  ///< Of owe_guest().
  };
  std::deque<ForGuest> for_guest_;
  std::size_t answers_ = 0;  ///< In for_guest_.
  std::vector<Owed> for_peers_;
  std::uint64_t malformed_by_guest_ = 0;
};

}  // namespace hive::device::vsock
