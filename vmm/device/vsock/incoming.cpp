#include "vmm/device/vsock/incoming.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/base/monotonic.h"
#include "vmm/device/virtio/chain.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {
namespace {

/// A tenth of a second's packets may come at once.
constexpr std::uint32_t kBurstShare = 10;

}  // namespace

Incoming::Incoming(boost::asio::io_context& loop, Setup setup, Switch& packets, std::size_t peer,
                   std::function<void()> on_data)
    : mapping_(std::move(setup.files.file), setup.what),
      ring_(mapping_.base()),
      space_(std::move(setup.files.space)),
      switch_(packets),
      peer_(peer),
      bucket_(setup.packets_per_second, std::max(setup.packets_per_second / kBurstShare, 1U)),
      data_(loop, std::move(setup.files.data), std::move(on_data)) {
  // The last consumer may have left the producer waiting.
  (void)::eventfd_write(space_.get(), 1);
}

void Incoming::wake() {
  asleep_ = false;
  may_mend_ = true;
}

bool Incoming::step(ReceiveQueue& queue, Clock::time_point now) {
  if (current_) {
    deliver(queue);
    return true;
  }
  if (faults_.active()) {
    if (const HeldPacket* packet = faults_.front(now)) return take_held(*packet, now);
    if (faults_.full()) return false;
  }
  return take_record(now);
}

bool Incoming::take_record(Clock::time_point now) {
  const bool throttled = std::exchange(throttled_, false);
  if (asleep_) return false;
  RecordHead head;
  const bool was_broken = ring_.broken();
  const RingConsumer::State state = ring_.peek(head);
  if (state == RingConsumer::State::kEmpty) {
    asleep_ = !ring_.sleep();
    return !asleep_;
  }
  if (state == RingConsumer::State::kBroken) {
    if (!was_broken) ++switch_.counters(peer_).malformed;
    return mend();
  }
  const Switch::Age age = switch_.judge(peer_, head.from, head.to, ring_.session());
  if (age == Switch::Age::kEarly) {
    asleep_ = true;
    return false;
  }
  if (!bucket_.take(monotonic(now))) {
    throttled_ = true;
    if (!throttled) ++switch_.counters(peer_).throttled;
    return false;
  }
  if (age == Switch::Age::kStale) {
    ++switch_.counters(peer_).stale;
    pop();
    return true;
  }
  if (faults_.active()) {
    hold(head, now);
  } else if (switch_.from_peer(peer_, head.header, head.length, now)) {
    current_ = Current{head.header, head.sent};
  } else {
    pop();
  }
  return true;
}

/// Once an event: what a producer that is gone has left must not keep this busy.
bool Incoming::mend() {
  asleep_ = !std::exchange(may_mend_, false) || !ring_.mend(switch_.present(peer_));
  // The producer may wait for room that there is now.
  if (!asleep_) (void)::eventfd_write(space_.get(), 1);
  return !asleep_;
}

void Incoming::hold(const RecordHead& head, Clock::time_point now) {
  HeldPacket packet{head.header, std::vector<std::byte>(head.length), now, head.sent};
  (void)copy_from(ring_.payload(), 0, packet.payload);
  pop();
  if (faults_.push(std::move(packet), now)) ++switch_.counters(peer_).faults;
}

bool Incoming::take_held(const HeldPacket& packet, Clock::time_point now) {
  if (switch_.from_peer(peer_, packet.header, packet.payload.size(), now)) {
    current_ = Current{packet.header, packet.sent, 0, true};
  } else {
    faults_.pop();
  }
  return true;
}

void Incoming::deliver(ReceiveQueue& queue) {
  Current& current = *current_;
  const Header& header = current.header;
  // It may have been reset since the packet was judged.
  if (header.op != Op::kReset &&
      !switch_.is_connected(peer_, header.target_port, header.source_port)) {
    return finish();
  }
  const std::uint32_t left = header.length - current.done;
  Header part = header;
  part.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, queue.room()));
  if (part.length < left) part.flags &= ~(kEndOfMessage | kEndOfRecord);
  std::array<iovec, 2> payload{};
  if (current.held) {
    const auto& bytes = faults_.first().payload;
    payload[0] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  } else {
    payload = ring_.payload();
  }
  if (!queue.deliver(part, payload, current.done)) return;
  VsockCounters& counters = switch_.counters(peer_);
  counters.bytes_in += part.length;
  current.done += part.length;
  if (current.done < header.length) return;
  ++counters.packets_in;
  counters.delay_us += since(current.sent, stamp(Clock::now()));
  finish();
}

void Incoming::finish() {
  const bool held = current_->held;
  current_.reset();
  if (held) {
    faults_.pop();
  } else {
    pop();
  }
}

void Incoming::pop() {
  // Fails only when the counter is full, and then a signal is pending anyway.
  if (ring_.pop()) (void)::eventfd_write(space_.get(), 1);
}

std::optional<Clock::time_point> Incoming::due() const {
  if (throttled_) return time_point_of(bucket_.next());
  return faults_.next();
}

void Incoming::forget() {
  if (current_) finish();
}

void Incoming::peer_down() {
  forget();
  faults_.clear();
}

}  // namespace hive::device::vsock
