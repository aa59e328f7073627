// The sending end of a channel.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "guests/sdk/channel/ring_view.h"
#include "guests/sdk/machine.h"

namespace hive::sdk {

/// Puts records into a ring in this cell's memory. Used by one thread at a time; the machine
/// outlives it. The receiver's index is hostile.
class ChannelSender {
 public:
  /// Makes an empty ring at PLACE, for a session of its own: what was there is gone, and a receiver
  /// that was at it starts anew. HIVE_INVALID: PLACE is not aligned, or not in this cell's memory.
  static Result<ChannelSender> create(Machine& machine, const ChannelPlace& place);

  /// The longest record.
  [[nodiscard]] std::uint64_t most() const {
    return bytes_.capacity() - sizeof(hive_channel_record);
  }

  /// Sends RECORD, waiting until END for room. HIVE_DEADLINE: there was none; nothing was sent.
  /// HIVE_TOO_LONG: there will never be. HIVE_CLOSED: by the receiver, and HIVE_GONE: the
  /// receiver's memory is; both are only noticed where there was no room by what was seen last.
  /// HIVE_BROKEN: the receiver's index makes no sense; the channel is of no use any more.
  Result<Done> send(std::span<const std::byte> record, Clock::time_point end);

  /// Of two pieces, one after the other.
  Result<Done> send(std::span<const std::byte> head, std::span<const std::byte> body,
                    Clock::time_point end);

  /// The same without waiting: false where there was no room.
  Result<bool> try_send(std::span<const std::byte> head, std::span<const std::byte> body);
  /// Whether there is room for a record of LENGTH bytes; true too where send() would fail.
  bool has_room(std::uint64_t length);

  /// Whether the receiver has taken all that was sent, or never will: it has closed the channel, is
  /// gone, or makes no sense.
  bool is_drained();

  /// The receiver gets what was sent, and then HIVE_CLOSED.
  void close();

 private:
  ChannelSender(Machine& machine, const ChannelPlace& place, unsigned char* ring,
                unsigned char* credit);

  Result<std::uint32_t> used();
  Result<Done> await_room(std::uint64_t size, Clock::time_point end);
  Result<Done> put(std::span<const std::byte> head, std::span<const std::byte> body);
  void publish();

  Machine* machine_;
  ChannelPlace place_;
  hive_channel_ring* ring_;
  unsigned char* credit_;
  RingBytes bytes_;
  std::uint64_t session_;
  std::uint64_t sequence_ = 0;
  std::uint32_t produced_ = 0;
  std::uint32_t consumed_ = 0;  ///< The receiver's index, as last seen and found good.
  std::uint32_t closed_ = 0;    ///< HIVE_CHANNEL_CLOSED once close() was called.
};

}  // namespace hive::sdk
