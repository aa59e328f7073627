#include "vmm/device/vsock/engine.h"

#include <algorithm>
#include <utility>

#include "vmm/device/virtio/chain.h"

namespace hive::device {

using vsock::Clock;
using vsock::Header;
using vsock::Switch;

namespace {

// What is done before others get their turn: chains taken, steps of pump().
constexpr unsigned kTransmitTurn = 64;
constexpr unsigned kReceiveTurn = 256;
// A driver takes packets back that were sent, and has no use for them but their memory: an
// interrupt for each would cost as much as the packet.
constexpr std::chrono::milliseconds kCompletionDelay{10};
// Nor is a driver in a hurry that goes on sending: it gets one after so many delays.
constexpr unsigned kMostCompletionDelays = 10;

std::vector<vsock::PeerRights> rights_of(const std::vector<VirtioVsock::Peer>& peers) {
  std::vector<vsock::PeerRights> rights;
  rights.reserve(peers.size());
  for (const VirtioVsock::Peer& peer : peers) rights.push_back(peer.rights);
  return rights;
}

}  // namespace

VirtioVsock::Engine::Engine(Setup setup)
    : cid_(setup.cid),
      incarnation_(setup.incarnation),
      packets_per_second_(setup.packets_per_second),
      host_limits_(setup.host_limits),
      peers_(std::move(setup.peers)),
      ask_host_(std::move(setup.ask_host)),
      switch_(cid_, incarnation_, rights_of(peers_)) {}

VirtioVsock::Engine::~Engine() {
  if (timer_) timer_->cancel();
  if (completion_) completion_->cancel();
}

void VirtioVsock::Engine::attach(VirtioTransport& transport) {
  transport_ = &transport;
  boost::asio::io_context& loop = transport.loop();
  receive_.emplace(transport, kReceive);
  timer_.emplace(loop);
  completion_.emplace(loop);
  transport.defer_interrupts(kTransmit);
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    Peer& peer = peers_[index];
    Link& link = links_.emplace_back();
    link.out = std::make_unique<vsock::Outgoing>(
        loop, std::move(peer.out), incarnation_, "vsock: the ring to " + peer.name,
        [this, index] { transport_->run([&] { links_[index].out->flush(); }); });
    link.in = std::make_unique<vsock::Incoming>(
        loop,
        vsock::Incoming::Setup{std::move(peer.in), packets_per_second_,
                               "vsock: the ring from " + peer.name},
        switch_, index, [this, index] { run([&] { links_[index].in->wake(); }); });
  }
  host_.emplace(transport, cid_, host_limits_,
                vsock::HostConnections::Hooks{
                    .ask = [this](std::uint32_t request,
                                  std::uint32_t port) { return ask_host_(request, port); },
                    .owe = [this](const Header& header) { switch_.owe_guest(header); },
                    .wake = [this] { pump(); }});
}

void VirtioVsock::Engine::run(const std::function<void()>& work) {
  transport_->run([&] {
    work();
    pump();
  });
}

void VirtioVsock::Engine::process(unsigned index) {
  if (index == kTransmit) take_from_guest();
  if (index == kReceive) pump();
}

void VirtioVsock::Engine::take_from_guest() {
  Virtqueue& queue = transport_->queue(kTransmit);
  Chain chain{.storage = storage_};
  for (unsigned turn = 0; turn < kTransmitTurn; ++turn) {
    if (queue.pop(chain)) {
      route(chain);
      queue.push(chain.head, 0);
      complete_later();
    } else if (!queue.want_kicks()) {
      return pump();
    }
  }
  pump();
  transport_->poke(kTransmit);
}

void VirtioVsock::Engine::route(const Chain& chain) {
  Header header;
  const auto bytes = std::as_writable_bytes(std::span(&header, 1));
  if (copy_from(chain.to_read(), 0, bytes) != bytes.size()) {
    return switch_.count_malformed_by_guest();
  }
  const Switch::Route route =
      switch_.from_guest(header, chain.readable_bytes - sizeof header, Clock::now());
  // What is owed to a peer comes before what it has led to.
  send_owed();
  if (route.to == Switch::Route::kHost) {
    host_->from_guest(header, chain.to_read(), sizeof header);
  } else if (route.to == Switch::Route::kPeer) {
    send(route.peer, header, chain.to_read(), sizeof header);
    send_owed();
  }
}

void VirtioVsock::Engine::send(std::size_t peer, const Header& header,
                               std::span<const iovec> payload, std::uint64_t offset) {
  const Incarnation to = switch_.present(peer);
  if (to == 0) return;
  if (links_[peer].out->send(to, header, payload, offset)) {
    vsock::VsockCounters& counters = switch_.counters(peer);
    ++counters.packets_out;
    counters.bytes_out += header.length;
  } else if (header.op != vsock::Op::kReset) {
    switch_.overflowed(peer, header);
  }
}

void VirtioVsock::Engine::send_owed() {
  for (const Switch::Owed& owed : switch_.take_for_peers()) send(owed.peer, owed.header);
}

void VirtioVsock::Engine::pump() {
  if (!transport_->running()) return;
  const Clock::time_point now = Clock::now();
  for (unsigned turn = 0; turn < kReceiveTurn; ++turn) {
    if (!receive_->ready()) return;
    if (switch_.owed_to_guest() != 0) {
      (void)receive_->deliver(switch_.take_for_guest());
    } else if (!step(now)) {
      return arm_timer();
    }
    send_owed();
  }
  transport_->poke(kReceive);
}

/// One step of whoever has something to do, beginning with whose turn it is.
bool VirtioVsock::Engine::step(Clock::time_point now) {
  for (std::size_t tried = 0; tried <= links_.size(); ++tried) {
    const std::size_t index = next_;
    next_ = next_ == links_.size() ? 0 : next_ + 1;
    const bool done =
        index == links_.size() ? host_->step(*receive_) : links_[index].in->step(*receive_, now);
    if (done) return true;
  }
  return false;
}

void VirtioVsock::Engine::arm_timer() {
  std::optional<Clock::time_point> first;
  for (const Link& link : links_) {
    const auto due = link.in->due();
    if (due && (!first || *due < *first)) first = due;
  }
  if (!first) return;
  timer_->expires_at(*first);
  timer_->async_wait([this, alive = std::weak_ptr(alive_)](const auto& error) {
    if (!error && !alive.expired()) run([] {});
  });
}

void VirtioVsock::Engine::complete_later() {
  sends_on_ = true;
  if (delays_left_ != 0) return;
  delays_left_ = kMostCompletionDelays;
  delay_completion();
}

void VirtioVsock::Engine::delay_completion() {
  sends_on_ = false;
  completion_->expires_after(kCompletionDelay);
  completion_->async_wait([this, alive = std::weak_ptr(alive_)](const auto& error) {
    if (error || alive.expired()) return;
    transport_->run([this] {
      if (--delays_left_ != 0 && sends_on_) return delay_completion();
      delays_left_ = 0;
      transport_->hasten(kTransmit);
    });
  });
}

void VirtioVsock::Engine::reset_queue(unsigned index) {
  if (index == kReceive) receive_->forget();
}

void VirtioVsock::Engine::reset() {
  active_ = false;
  receive_->forget();
  for (const Link& link : links_) link.in->forget();
  host_->reset();
  switch_.guest_gone();
  send_owed();
}

void VirtioVsock::Engine::peer_up(unsigned cell, Incarnation incarnation) {
  run([&] {
    const auto peer = switch_.peer_of_cell(cell);
    if (!peer) return;
    if (switch_.peer_up(*peer, incarnation)) {
      links_[*peer].out->peer_up();
      links_[*peer].in->peer_down();
    }
    links_[*peer].in->wake();
  });
}

void VirtioVsock::Engine::peer_down(unsigned cell, Incarnation incarnation) {
  run([&] {
    const auto peer = switch_.peer_of_cell(cell);
    if (!peer) return;
    switch_.peer_down(*peer, incarnation);
    if (switch_.present(*peer) != 0) return;
    links_[*peer].out->clear();
    links_[*peer].in->peer_down();
  });
}

void VirtioVsock::Engine::host_answer(std::uint32_t request, UniqueFd socket) {
  run([&] { host_->answer(request, std::move(socket)); });
}

void VirtioVsock::Engine::host_call(std::uint32_t port, UniqueFd socket) {
  run([&] {
    if (active_) host_->call(port, std::move(socket));
  });
}

void VirtioVsock::Engine::set_faults(unsigned cell, const vsock::PathFaults& faults) {
  run([&] {
    if (const auto peer = switch_.peer_of_cell(cell)) links_[*peer].in->set_faults(faults);
  });
}

std::optional<vsock::VsockCounters> VirtioVsock::Engine::counters(unsigned cell) {
  std::optional<vsock::VsockCounters> counters;
  transport_->run([&] {
    if (const auto peer = switch_.peer_of_cell(cell)) counters = switch_.count(*peer);
  });
  return counters;
}

vsock::GuestCounters VirtioVsock::Engine::guest_counters() {
  vsock::GuestCounters counters;
  transport_->run([&] { counters = {switch_.malformed_by_guest(), host_->counters()}; });
  return counters;
}

}  // namespace hive::device
