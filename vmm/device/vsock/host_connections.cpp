#include "vmm/device/vsock/host_connections.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/device/virtio/chain.h"

namespace hive::device::vsock {
namespace {

/// Ports that the host calls from begin here.
constexpr std::uint32_t kFirstPort = 0x4000'0000;

}  // namespace

HostConnections::HostConnections(VirtioTransport& transport, Cid guest, HostLimits limits,
                                 Hooks hooks)
    : transport_(transport),
      guest_(guest),
      limits_(limits),
      hooks_(std::move(hooks)),
      timer_(transport.loop()) {}

HostConnections::Shared HostConnections::make(Ports ports, HostStream::State state) {
  HostConnection::Handlers handlers;
  handlers.on_readable = [this](const Shared& connection) {
    transport_.run([&] {
      if (!connection->readable()) return;
      enqueue(connection);
      hooks_.wake();
    });
  };
  handlers.on_writable = [this](const Shared& connection) {
    transport_.run([&] {
      if (!connection->writable()) return;
      flush(connection);
      hooks_.wake();
    });
  };
  auto connection = std::make_shared<HostConnection>(
      transport_.loop(), HostStream(guest_, ports.first, ports.second, state), std::move(handlers));
  table_[ports] = connection;
  watch_time();
  return connection;
}

void HostConnections::from_guest(const Header& header, std::span<const iovec> chain,
                                 std::uint64_t offset) {
  if (header.op == Op::kRequest) return take_call(header);
  const auto found = table_.find({header.source_port, header.target_port});
  if (found == table_.end() || header.type != kStream) {
    if (const auto reset = reset_for(header)) hooks_.owe(*reset);
    return;
  }
  const Shared connection = found->second;
  switch (connection->stream.take(header)) {
    case HostStream::Action::kNone:
      break;
    case HostStream::Action::kPayload:
      take_payload(connection, chain, offset, header.length);
      break;
    case HostStream::Action::kAnswer:
      hooks_.owe(connection->stream.packet(Op::kCreditUpdate));
      break;
    case HostStream::Action::kShut:
      shut(connection);
      break;
    case HostStream::Action::kEnd:
      hooks_.owe(connection->stream.packet(Op::kReset));
      return drain(connection);
    case HostStream::Action::kReset:
      return abort(connection);
    case HostStream::Action::kGone:
      return drain(connection);
  }
  if (connection->stream.room() > 0) connection->credit_asked = false;
  enqueue(connection);
}

void HostConnections::take_call(const Header& header) {
  const Ports ports{header.source_port, header.target_port};
  if (const auto old = table_.find(ports); old != table_.end()) remove(old->second);
  if (header.type != kStream || table_.size() >= kMost || asked_.size() >= kMost) {
    return hooks_.owe(reply_to(header, Op::kReset));
  }
  const Shared connection = make(ports, HostStream::State::kAsked);
  (void)connection->stream.take(header);  // For its room.
  const std::uint32_t request = connection->request = ++last_request_;
  asked_[request] = {ports, connection->since};
  if (hooks_.ask(request, header.target_port)) return;
  asked_.erase(request);
  abort(connection);
}

void HostConnections::answer(std::uint32_t request, UniqueFd socket) {
  const auto asked = asked_.find(request);
  if (asked == asked_.end()) return;
  const auto found = table_.find(asked->second.ports);
  asked_.erase(asked);
  if (found == table_.end() || found->second->request != request) return;
  const Shared connection = found->second;
  if (!socket || !connection->open(std::move(socket))) return abort(connection);
  connection->stream.open();
  hooks_.owe(connection->stream.packet(Op::kResponse));
  shut(connection);
  enqueue(connection);
}

void HostConnections::call(std::uint32_t port, UniqueFd socket) {
  if (!socket || table_.size() >= kMost) return;
  const Shared connection = make({port, free_port(port)}, HostStream::State::kCalling);
  if (!connection->open(std::move(socket))) return remove(connection);
  hooks_.owe(connection->stream.packet(Op::kRequest));
}

std::uint32_t HostConnections::free_port(std::uint32_t guest_port) {
  do {
    last_port_ = (last_port_ + 1) % kFirstPort;
  } while (table_.contains({guest_port, kFirstPort + last_port_}));
  return kFirstPort + last_port_;
}

void HostConnections::take_payload(const Shared& connection, std::span<const iovec> chain,
                                   std::uint64_t offset, std::uint32_t length) {
  std::vector<std::byte> bytes(length);
  (void)copy_from(chain, offset, bytes);
  connection->queue(bytes);
  flush(connection);
}

void HostConnections::flush(const Shared& connection) {
  const auto sent = connection->flush();
  if (draining_.contains(connection)) {
    if (sent && connection->has_unsent()) return;
    connection->close();
    draining_.erase(connection);
    return;
  }
  if (!sent) return abort(connection);
  if (connection->stream.took(*sent)) {
    hooks_.owe(connection->stream.packet(Op::kCreditUpdate));
  }
  shut(connection);
}

/// Tells the program what the guest has said that it will not do any more.
void HostConnections::shut(const Shared& connection) {
  if (connection->stream.ends_receiving()) connection->stop_reading();
  if (connection->stream.ends_sending() && !connection->has_unsent()) connection->stop_writing();
}

/// The connection is over for the guest: the program gets what the guest has sent, and the end.
void HostConnections::drain(const Shared& connection) {
  const bool is_wanted =
      connection->is_open() && connection->stream.ends_sending() && connection->has_unsent();
  if (is_wanted && draining_.size() < kMostDraining) {
    table_.erase({connection->stream.guest_port(), connection->stream.host_port()});
    connection->since = Clock::now();
    connection->ended = true;  // Its ports may be another connection's soon.
    draining_.insert(connection);
    watch_time();
    return flush(connection);
  }
  if (is_wanted) ++cut_;
  remove(connection);
}

void HostConnections::abort(const Shared& connection) {
  hooks_.owe(connection->stream.packet(Op::kReset));
  remove(connection);
}

void HostConnections::remove(const Shared& connection) {
  connection->close();
  const Ports ports{connection->stream.guest_port(), connection->stream.host_port()};
  const auto found = table_.find(ports);
  if (found != table_.end() && found->second == connection) table_.erase(found);
}

void HostConnections::enqueue(const Shared& connection) {
  if (connection->queued || connection->ended || !connection->is_open()) return;
  if (connection->stream.state() != HostStream::State::kOpen) return;
  connection->queued = true;
  queue_.push_back(connection);
}

bool HostConnections::step(ReceiveQueue& queue) {
  if (queue_.empty()) return false;
  const Shared connection = queue_.front();
  queue_.pop_front();
  connection->queued = false;
  HostStream& stream = connection->stream;
  if (!connection->is_open() || connection->ended || stream.ends_receiving()) return true;
  if (stream.room() == 0) {
    // Queued again when there is.
    if (!std::exchange(connection->credit_asked, true)) {
      hooks_.owe(stream.packet(Op::kCreditRequest));
    }
    return true;
  }
  std::array<std::byte, kMaxPayload> bytes;
  const std::uint64_t most =
      std::min({queue.room(), std::uint64_t{stream.room()}, std::uint64_t{bytes.size()}});
  std::size_t count = 0;
  switch (connection->read(std::span(bytes).first(most), count)) {
    case HostConnection::Read::kBytes:
      break;
    case HostConnection::Read::kNothing:
      return true;
    case HostConnection::Read::kEnd:
      end(connection, kNoMoreSent);
      return true;
    case HostConnection::Read::kGone:
      end(connection, kNoMoreSent | kNoMoreReceived);
      return true;
  }
  stream.spend(static_cast<std::uint32_t>(count));
  Header header = stream.packet(Op::kPayload);
  header.length = static_cast<std::uint32_t>(count);
  const std::array payload{iovec{bytes.data(), count}};
  (void)queue.deliver(header, payload);
  enqueue(connection);
  return true;
}

void HostConnections::end(const Shared& connection, std::uint32_t flags) {
  connection->ended = true;
  Header header = connection->stream.packet(Op::kShutdown);
  header.flags = flags;
  hooks_.owe(header);
}

void HostConnections::watch_time() {
  if (watching_ || !may_expire()) return;
  watching_ = true;
  // All at once, and not each in its time: the guest may make any number of calls.
  timer_.expires_after(std::min(limits_.call, limits_.drain) / 10);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const auto& error) {
    if (error || alive.expired()) return;
    transport_.run([this] {
      watching_ = false;
      expire(Clock::now());
      watch_time();
      hooks_.wake();
    });
  });
}

bool HostConnections::may_expire() const {
  const auto is_called = [](const auto& entry) {
    return entry.second->stream.state() != HostStream::State::kOpen;
  };
  return !asked_.empty() || !draining_.empty() ||
         std::any_of(table_.begin(), table_.end(), is_called);
}

void HostConnections::expire(Clock::time_point now) {
  std::erase_if(asked_,
                [&](const auto& entry) { return now - entry.second.since >= limits_.call; });
  for (auto next = table_.begin(); next != table_.end();) {
    const Shared connection = (next++)->second;
    if (connection->stream.state() == HostStream::State::kOpen) continue;
    if (now - connection->since < limits_.call) continue;
    ++expired_;
    abort(connection);
  }
  std::erase_if(draining_, [&](const Shared& connection) {
    if (now - connection->since < limits_.drain) return false;
    ++cut_;
    connection->close();
    return true;
  });
}

HostCounters HostConnections::counters() const { return {table_.size(), expired_, cut_}; }

void HostConnections::reset() {
  for (const auto& [ports, connection] : table_) connection->close();
  for (const Shared& connection : draining_) connection->close();
  table_.clear();
  asked_.clear();
  queue_.clear();
  draining_.clear();
}

}  // namespace hive::device::vsock
