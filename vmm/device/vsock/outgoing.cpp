#include "vmm/device/vsock/outgoing.h"

#include <sys/eventfd.h>

#include <array>
#include <utility>

#include "vmm/device/virtio/chain.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {

Outgoing::Outgoing(boost::asio::io_context& loop, RingFiles files, Incarnation own,
                   const std::string& what, std::function<void()> on_space)
    : mapping_(std::move(files.file), what),
      ring_(mapping_.base(), own),
      data_(std::move(files.data)),
      own_(own),
      space_(loop, std::move(files.space), std::move(on_space)) {
  // The last producer may have ended between a record and its signal.
  (void)::eventfd_write(data_.get(), 1);
}

RecordHead Outgoing::head_of(const Header& header, std::uint32_t sent) const {
  RecordHead head;
  head.length = header.length;
  head.from = own_;
  head.to = to_;
  head.sent = sent;
  head.header = header;
  return head;
}

bool Outgoing::send(Incarnation to, const Header& header, std::span<const iovec> payload,
                    std::uint64_t offset) {
  to_ = to;
  const std::uint32_t sent = stamp(Clock::now());
  if (backlog_.empty() && ring_.put(head_of(header, sent), payload, offset)) {
    publish();
    return true;
  }
  if (!backlog_.has_room(header.op, header.length)) return false;
  Backlog::Packet packet{header, std::vector<std::byte>(header.length), sent};
  (void)copy_from(payload, offset, packet.payload);
  const bool waiting = !backlog_.empty();
  backlog_.push(std::move(packet));
  if (!waiting) flush();
  return true;
}

void Outgoing::publish() {
  // Fails only when the counter is full, and then a signal is pending anyway.
  if (ring_.publish()) (void)::eventfd_write(data_.get(), 1);
}

void Outgoing::peer_up() {
  clear();
  // The sibling has begun where the page told it to, which its last incarnation may have spoiled.
  ring_.restate();
  (void)::eventfd_write(data_.get(), 1);
}

void Outgoing::flush() {
  // A consumer that gives room and takes it back must not keep this up.
  constexpr int kTries = 4;
  for (int tries = 0; tries < kTries && !backlog_.empty(); ++tries) {
    while (!backlog_.empty()) {
      const Backlog::Packet& packet = backlog_.front();
      const std::array payload{
          iovec{const_cast<std::byte*>(packet.payload.data()), packet.payload.size()}};
      if (!ring_.put(head_of(packet.header, packet.sent), payload, 0)) break;
      backlog_.pop();
    }
    publish();
    if (backlog_.empty() || !ring_.await_space(backlog_.front().header.length)) return;
  }
  // There was room a moment ago, for which there may be no event.
  if (!backlog_.empty()) space_.signal();
}

}  // namespace hive::device::vsock
