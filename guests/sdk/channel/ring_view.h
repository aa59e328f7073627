// What both ends of a channel (guests/abi/channel.h) need of its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "guests/abi/channel.h"
#include "guests/sdk/events/system_areas.h"

namespace hive::sdk {

/// Where a ring and its receiver's index are: offsets within the two contributions.
struct ChannelPlace {
  WaitKey ring;
  WaitKey credit;
  std::uint32_t capacity = 0;  ///< Of the ring; a power of 2 of at least HIVE_CHANNEL_LEAST.
  /// What the receiver waits for where that is not the ring's index: one of several rings.
  std::optional<WaitKey> waits_for = std::nullopt;
  /// The content of records has a checksum of its own: theirs is 0, and is not looked at.
  bool content_is_sealed = false;

  /// What the sender wakes, and the receiver waits for.
  [[nodiscard]] WaitKey data_key() const {
    if (waits_for) return *waits_for;
    return {ring.home, ring.offset + offsetof(hive_channel_ring, produced)};
  }
  /// What the receiver wakes, and the sender waits for.
  [[nodiscard]] WaitKey room_key() const {
    return {credit.home, credit.offset + offsetof(hive_channel_credit, consumed)};
  }
};

/// Bytes of the sender's memory that a ring takes.
constexpr std::uint64_t ring_size(std::uint32_t capacity) {
  return sizeof(hive_channel_ring) + capacity;
}

constexpr bool is_ring_capacity(std::uint64_t capacity) {
  return capacity >= HIVE_CHANNEL_LEAST && capacity <= HIVE_CHANNEL_MOST &&
         (capacity & (capacity - 1)) == 0;
}

/// Bytes of the ring that a record of LENGTH bytes takes.
constexpr std::uint64_t record_size(std::uint64_t length) {
  return sizeof(hive_channel_record) + (length + 7) / 8 * 8;
}

/// What an index word says; INDEX counts where it is neither gone nor broken.
struct IndexWord {
  std::uint32_t index = 0;
  bool closed = false;
  bool gone = false;
  bool broken = false;
};

constexpr IndexWord read_index(std::uint32_t word) {
  IndexWord read;
  read.gone = word == HIVE_CHANNEL_GONE;
  read.index = word & ~HIVE_CHANNEL_CLOSED;
  read.closed = (word & HIVE_CHANNEL_CLOSED) != 0;
  read.broken = read.index % 8 != 0;
  return read;
}

/// The bytes of a ring, mapped. Owns nothing. Accesses may fault: false.
class RingBytes {
 public:
  RingBytes(unsigned char* base, std::uint32_t capacity) : base_(base), capacity_(capacity) {}

  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

  /// SIZE bytes, at most the capacity, from byte INDEX of the stream.
  bool load(std::uint32_t index, void* destination, std::size_t size) const;
  bool store(std::uint32_t index, const void* source, std::size_t size) const;

 private:
  unsigned char* base_;
  std::uint32_t capacity_;
};

}  // namespace hive::sdk
