#include "guests/sdk/channel/sender.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "guests/sdk/channel/placement.h"
#include "guests/sdk/crc32c.h"
#include "guests/sdk/guard.h"

namespace hive::sdk {
namespace {

constexpr std::size_t kConsumed = offsetof(hive_channel_credit, consumed);

std::uint64_t new_session() {
  std::uint64_t session = 0;
  if (::getrandom(&session, sizeof session, GRND_NONBLOCK) != sizeof session) {
    session = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  }
  return session | 1;
}

}  // namespace

Result<ChannelSender> ChannelSender::create(Machine& machine, const ChannelPlace& place) {
  const auto mapped = map_channel(machine, place, place.ring);
  if (!mapped.ok()) return mapped.failure();
  return ChannelSender(machine, place, mapped.value().ring, mapped.value().credit);
}

ChannelSender::ChannelSender(Machine& machine, const ChannelPlace& place, unsigned char* ring,
                             unsigned char* credit)
    : machine_(&machine),
      place_(place),
      ring_(reinterpret_cast<hive_channel_ring*>(ring)),
      credit_(credit),
      bytes_(ring + sizeof(hive_channel_ring), place.capacity),
      session_(new_session()) {
  __atomic_store_n(&ring_->magic, 0, __ATOMIC_SEQ_CST);
  // Whoever sees the new session sees its index too.
  __atomic_store_n(&ring_->produced, 0, __ATOMIC_RELEASE);
  ring_->version = HIVE_CHANNEL_VERSION;
  ring_->capacity = place.capacity;
  __atomic_store_n(&ring_->session, session_, __ATOMIC_RELEASE);
  __atomic_store_n(&ring_->magic, HIVE_CHANNEL_MAGIC, __ATOMIC_RELEASE);
}

/// Bytes of the ring that the receiver has not taken yet.
Result<std::uint32_t> ChannelSender::used() {
  std::uint64_t session = 0;
  std::uint32_t word = 0;
  if (!guarded_load(credit_, &session, sizeof session) ||
      !guarded_load_word(credit_ + kConsumed, word)) {
    return failure_of(HIVE_FAULT);
  }
  if (session == ~std::uint64_t{0}) return failure_of(HIVE_GONE);
  // Before the receiver has found this session, nothing of it was taken.
  if (session != session_) {
    if (produced_ > bytes_.capacity()) {
      return Failure{HIVE_BROKEN, "the channel's receiver has forgotten its session"};
    }
    return produced_;
  }
  const IndexWord read = read_index(word);
  if (read.gone) return failure_of(HIVE_GONE);
  if (read.broken || read.index - consumed_ > produced_ - consumed_) {
    return Failure{HIVE_BROKEN, "the channel's receiver claims to have taken what was not sent"};
  }
  if (read.closed) return failure_of(HIVE_CLOSED);
  consumed_ = read.index;
  return produced_ - consumed_;
}

Result<Done> ChannelSender::await_room(std::uint64_t size, Clock::time_point end) {
  // Most of the time there is room by what was seen last.
  if (size <= bytes_.capacity() - (produced_ - consumed_)) return Done{};
  Result<std::uint32_t> now = 0U;
  const Events::Look roomy = [&] {
    now = used();
    return !now.ok() || size <= bytes_.capacity() - now.value();
  };
  const bool over = machine_->events().wait(place_.room_key(), roomy, end);
  if (!now.ok()) return now.failure();
  if (!over) return Failure{HIVE_DEADLINE, "the channel is full"};
  return Done{};
}

Result<Done> ChannelSender::send(std::span<const std::byte> record, Clock::time_point end) {
  return send(record, {}, end);
}

Result<Done> ChannelSender::send(std::span<const std::byte> head, std::span<const std::byte> body,
                                 Clock::time_point end) {
  const std::uint64_t length = std::uint64_t{head.size()} + body.size();
  if (closed_ != 0) return failure_of(HIVE_CLOSED);
  if (length > most()) return failure_of(HIVE_TOO_LONG);
  if (const auto room = await_room(record_size(length), end); !room.ok()) return room;
  return put(head, body);
}

Result<bool> ChannelSender::try_send(std::span<const std::byte> head,
                                     std::span<const std::byte> body) {
  const std::uint64_t length = std::uint64_t{head.size()} + body.size();
  if (closed_ != 0) return failure_of(HIVE_CLOSED);
  if (length > most()) return failure_of(HIVE_TOO_LONG);
  const std::uint64_t size = record_size(length);
  if (size > bytes_.capacity() - (produced_ - consumed_)) {
    const auto now = used();
    if (!now.ok()) return now.failure();
    if (size > bytes_.capacity() - now.value()) return false;
  }
  if (const auto done = put(head, body); !done.ok()) return done.failure();
  return true;
}

bool ChannelSender::has_room(std::uint64_t length) {
  const std::uint64_t size = record_size(length);
  if (size <= bytes_.capacity() - (produced_ - consumed_)) return true;
  const auto now = used();
  return !now.ok() || size <= bytes_.capacity() - now.value();
}

bool ChannelSender::is_drained() {
  const auto left = used();
  return !left.ok() || left.value() == 0;
}

/// Where there is room.
Result<Done> ChannelSender::put(std::span<const std::byte> head, std::span<const std::byte> body) {
  const std::uint64_t length = std::uint64_t{head.size()} + body.size();
  hive_channel_record header{};
  header.length = static_cast<std::uint32_t>(length);
  if (!place_.content_is_sealed) {
    header.checksum = crc32c(crc32c(0, head.data(), head.size()), body.data(), body.size());
  }
  header.sequence = sequence_;
  std::uint32_t at = produced_;
  const auto store = [&](const void* data, std::size_t size) {
    const bool stored = size == 0 || bytes_.store(at, data, size);
    at += static_cast<std::uint32_t>(size);
    return stored;
  };
  if (!store(&header, sizeof header) || !store(head.data(), head.size()) ||
      !store(body.data(), body.size())) {
    return failure_of(HIVE_FAULT);
  }
  produced_ += static_cast<std::uint32_t>(record_size(length));
  ++sequence_;
  publish();
  return Done{};
}

void ChannelSender::publish() {
  __atomic_store_n(&ring_->produced, produced_ | closed_, __ATOMIC_RELEASE);
  machine_->events().wake_in(place_.credit.home, place_.data_key());
}

void ChannelSender::close() {
  closed_ = HIVE_CHANNEL_CLOSED;
  publish();
}

}  // namespace hive::sdk
