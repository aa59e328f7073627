#include "vmm/device/vsock/switch.h"

namespace hive::device::vsock {
namespace {

/// Packets of this VMM's own that a guest may leave untaken: answers to what it sends itself, with
/// the host's packets, and the resets of connections that it had. Each has its own limit: many
/// resets cost no answers, nor the other way round.
constexpr std::size_t kMostAnswers = 4096;
constexpr std::size_t kMostResets = 256 * 1024;

Connections::Ports ports_of(Side from, const Header& header) {
  if (from == Side::kGuest) return {header.source_port, header.target_port};
  return {header.target_port, header.source_port};
}

}  // namespace

Switch::Switch(Cid own, Incarnation incarnation, std::span<const PeerRights> peers)
    : own_(own), incarnation_(incarnation) {
  peers_.reserve(peers.size());
  for (const PeerRights& rights : peers) peers_.emplace_back().rights = rights;
}

std::optional<std::size_t> Switch::peer_of_cell(unsigned cell) const {
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    if (peers_[index].rights.cell == cell) return index;
  }
  return std::nullopt;
}

VsockCounters Switch::count(std::size_t peer) const {
  VsockCounters counters = peers_[peer].counters;
  counters.connections = peers_[peer].connections.size();
  return counters;
}

void Switch::owe_guest(const Header& header) {
  if (answers_ >= kMostAnswers) return;
  for_guest_.push_back({header, true});
  ++answers_;
}

Header Switch::take_for_guest() {
  const ForGuest first = for_guest_.front();
  for_guest_.pop_front();
  if (first.answer) --answers_;
  return first.header;
}

void Switch::owe(std::size_t index, Side to, const Header& header) {
  if (to == Side::kPeer) {
    if (peers_[index].present != 0) for_peers_.push_back({index, header});
  } else if (for_guest_.size() - answers_ < kMostResets) {
    for_guest_.push_back({header, false});
  }
}

/// Tells the sender of PACKET, which belongs to no connection, that there is none.
void Switch::answer_reset(std::size_t index, Side to, const Header& packet) {
  const auto reset = reset_for(packet);
  if (!reset) return;
  if (to == Side::kGuest) return owe_guest(*reset);
  owe(index, to, *reset);
}

Header Switch::reset_towards(std::size_t index, Side to, Connections::Ports ports,
                             std::uint16_t type) const {
  Header reset;
  reset.op = Op::kReset;
  reset.type = type;
  const bool to_guest = to == Side::kGuest;
  reset.source_cid = to_guest ? peers_[index].rights.cid : own_;
  reset.target_cid = to_guest ? own_ : peers_[index].rights.cid;
  reset.source_port = to_guest ? ports.peer : ports.guest;
  reset.target_port = to_guest ? ports.guest : ports.peer;
  return reset;
}

void Switch::reset_both(std::size_t index, Connections::Ports ports) {
  Connections& connections = peers_[index].connections;
  const Connection* connection = connections.find(ports);
  if (connection == nullptr) return;
  for (const Side side : {Side::kGuest, Side::kPeer}) {
    owe(index, side, reset_towards(index, side, ports, connection->type));
  }
  connections.erase(ports);
  ++peers_[index].counters.resets;
}

void Switch::count_malformed(std::size_t index, Side by) {
  ++(by == Side::kGuest ? malformed_by_guest_ : peers_[index].counters.malformed);
}

Switch::Route Switch::from_guest(const Header& header, std::uint64_t length,
                                 Clock::time_point now) {
  if (!is_length_right(header, length) || header.source_cid != own_) {
    ++malformed_by_guest_;
    return {};
  }
  if (!is_known(header.op) || !is_known_type(header.type)) {
    ++malformed_by_guest_;
    owe_guest(reply_to(header, Op::kReset));
    return {};
  }
  if (header.target_cid == kHostCid) return {Route::kHost, 0};
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    if (peers_[index].rights.cid != header.target_cid) continue;
    if (!pass(index, Side::kGuest, header, now)) return {};
    return {Route::kPeer, index};
  }
  if (const auto reset = reset_for(header)) owe_guest(*reset);
  return {};
}

Switch::Age Switch::judge(std::size_t peer, Incarnation from, Incarnation to,
                          std::uint64_t begun) const {
  const Peer& that = peers_[peer];
  if (to == incarnation_) {
    if (from > that.last && from == begun) return Age::kEarly;
    if (from == that.present && from != 0) return Age::kPresent;
  }
  return Age::kStale;
}

bool Switch::from_peer(std::size_t peer, const Header& header, std::uint64_t length,
                       Clock::time_point now) {
  if (!is_length_right(header, length) || header.source_cid != peers_[peer].rights.cid ||
      header.target_cid != own_) {
    ++peers_[peer].counters.malformed;
    return false;
  }
  if (!is_known(header.op) || !is_known_type(header.type)) {
    ++peers_[peer].counters.malformed;
    owe(peer, Side::kPeer, reply_to(header, Op::kReset));
    return false;
  }
  return pass(peer, Side::kPeer, header, now);
}

/// Whether HEADER goes on to the other side.
bool Switch::pass(std::size_t index, Side from, const Header& header, Clock::time_point now) {
  if (header.op == Op::kRequest) return call(index, from, header, now);
  Connection* connection = peers_[index].connections.find(ports_of(from, header));
  if (connection == nullptr) {
    answer_reset(index, from, header);
    return false;
  }
  if (connection->type != header.type) {
    count_malformed(index, from);
    return false;
  }
  return pass_connected(index, from, header, *connection);
}

bool Switch::pass_connected(std::size_t index, Side from, const Header& header,
                            Connection& connection) {
  const Connections::Ports ports = ports_of(from, header);
  connection.window_to(from).advertise(header.buffer, header.forwarded);
  switch (header.op) {
    case Op::kResponse:
      if (connection.open || connection.caller == from) {
        count_malformed(index, from);
        return false;
      }
      connection.open = true;
      return true;
    case Op::kReset:
      peers_[index].connections.erase(ports);
      return true;
    case Op::kPayload:
      if (!connection.open) {
        count_malformed(index, from);
      } else if (connection.window_to(other_side(from)).spend(header.length)) {
        return true;
      } else {
        ++peers_[index].counters.over_credit;
      }
      reset_both(index, ports);
      return false;
    default:
      return true;
  }
}

bool Switch::call(std::size_t index, Side from, const Header& header, Clock::time_point now) {
  Peer& peer = peers_[index];
  const bool allowed = from == Side::kGuest ? peer.rights.may_call : peer.rights.may_be_called;
  if (!allowed) ++peer.counters.refused;
  if (!allowed || peer.present == 0) {
    answer_reset(index, from, header);
    return false;
  }
  const Connections::Ports ports = ports_of(from, header);
  if (const Connection* old = peer.connections.find(ports)) {
    // The caller has forgotten the old one: so must the other side, which has it under this name.
    owe(index, other_side(from), reset_towards(index, other_side(from), ports, old->type));
    ++peer.counters.resets;
  }
  Connection* connection = peer.connections.add(ports, now);
  if (connection == nullptr) {
    ++peer.counters.refused;
    answer_reset(index, from, header);
    return false;
  }
  connection->type = header.type;
  connection->caller = from;
  connection->window_to(from).advertise(header.buffer, header.forwarded);
  return true;
}

void Switch::overflowed(std::size_t peer, const Header& header) {
  ++peers_[peer].counters.overflows;
  const Connections::Ports ports = ports_of(Side::kGuest, header);
  if (header.op == Op::kRequest) {
    // The peer has not heard of it.
    peers_[peer].connections.erase(ports);
    ++peers_[peer].counters.resets;
    return answer_reset(peer, Side::kGuest, header);
  }
  reset_both(peer, ports);
}

bool Switch::peer_up(std::size_t peer, Incarnation incarnation) {
  Peer& that = peers_[peer];
  if (incarnation == 0 || incarnation <= that.last) return false;
  if (that.present != 0) peer_down(peer, that.present);
  that.present = that.last = incarnation;
  return true;
}

void Switch::peer_down(std::size_t peer, Incarnation incarnation) {
  Peer& that = peers_[peer];
  if (incarnation > that.last) that.last = incarnation;
  if (that.present == 0 || incarnation < that.present) return;
  that.present = 0;
  that.connections.take_all([&](Connections::Ports ports, const Connection& connection) {
    owe(peer, Side::kGuest, reset_towards(peer, Side::kGuest, ports, connection.type));
    ++that.counters.resets;
  });
}

void Switch::guest_gone() {
  for_guest_.clear();
  answers_ = 0;
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    Peer& peer = peers_[index];
    peer.connections.take_all([&](Connections::Ports ports, const Connection& connection) {
      owe(index, Side::kPeer, reset_towards(index, Side::kPeer, ports, connection.type));
      ++peer.counters.resets;
    });
  }
}

bool Switch::is_connected(std::size_t peer, std::uint32_t guest_port, std::uint32_t peer_port) {
  return peers_[peer].connections.find({guest_port, peer_port}) != nullptr;
}

}  // namespace hive::device::vsock
