// A ring of packets in memory that two VMMs share: one writes records, the other reads them.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/base/ids.h"
#include "vmm/device/vsock/packet.h"
#include "vmm/memory/ring_file.h"

namespace hive::device::vsock {

// The layout (see vmm/memory/ring_file.h for the file). Positions count bytes since the file was
// made; a record at position P is at P modulo kRingDataBytes of the data.

/// The page that only the producer writes. Each member is read and written atomically.
struct ProducerPage {
  std::uint64_t produced;  ///< Records end here.
  /// The producer has no room until `consumed` reaches this, where that lies ahead.
  std::uint64_t space_at;
  std::uint64_t started_at;  ///< Where `session`'s records for the present consumer begin.
  std::uint64_t session;     ///< The producer's incarnation; 0: none yet.
};

/// The page that only the consumer writes.
struct ConsumerPage {
  std::uint64_t consumed;  ///< Records before this are done with.
  std::uint64_t wake_at;   ///< The consumer wants the event when `produced` goes past this.
};

/// What stands before the payload of each record. Records begin at multiples of kRecordUnit, so
/// that this lies in one piece, and are padded to such.
struct RecordHead {
  std::uint32_t length = 0;  ///< Of the payload: Header::length once more.
  Incarnation from = 0;      ///< The producer's.
  Incarnation to = 0;        ///< The consumer's, as the producer knows it.
  std::uint32_t sent = 0;    ///< When the guest had sent it (see vmm/device/vsock/time.h).
  Header header;
  std::uint32_t padding = 0;
};
inline constexpr std::uint64_t kRecordUnit = 64;
static_assert(sizeof(RecordHead) == kRecordUnit && offsetof(RecordHead, header) == 16);
static_assert(sizeof(ProducerPage) == 32 && sizeof(ConsumerPage) == 16);
static_assert(memory::kRingDataBytes % kRecordUnit == 0);

/// Bytes that a record of LENGTH bytes of payload takes in a ring.
constexpr std::uint64_t record_size(std::uint64_t length) {
  return (sizeof(RecordHead) + length + kRecordUnit - 1) & ~(kRecordUnit - 1);
}
static_assert(2 * record_size(kMaxPayload) <= memory::kRingDataBytes);

/// The end that writes. It keeps its position to itself: whatever the other end writes into its
/// page, and whoever else writes into the data, costs records of this ring and nothing else.
/// Single-threaded.
class RingProducer {
 public:
  /// BASE is a mapped ring file and outlives this. INCARNATION begins its records where the last
  /// producer's end or, where that makes no sense, where the consumer is. After it both ends need a
  /// signal.
  RingProducer(std::byte* base, Incarnation incarnation);

  /// Writes HEAD and HEAD.length bytes of PAYLOAD from OFFSET on. False where there is no room now.
  /// The consumer sees it after publish().
  [[nodiscard]] bool put(const RecordHead& head, std::span<const iovec> payload,
                         std::uint64_t offset);

  /// Shows the consumer what was put. Returns whether it wants the data event for that.
  [[nodiscard]] bool publish();

  /// Writes all of its page again, as of what was published last: for a new consumer, since the
  /// last one may have spoiled it. After it the consumer needs a signal.
  void restate();

  /// After put() found no room for a payload of LENGTH bytes: asks for the space event once half of
  /// the ring, or as much as it takes, is free. Returns whether there is room already: then there
  /// may be no event.
  [[nodiscard]] bool await_space(std::uint64_t length);

 private:
  [[nodiscard]] std::uint64_t used() const;
  void copy_in(std::uint64_t position, std::span<const iovec> payload, std::uint64_t offset,
               std::uint64_t length);

  ProducerPage* own_;
  ConsumerPage* other_;
  std::byte* data_;
  Incarnation incarnation_;
  std::uint64_t position_ = 0;   ///< Where the next record goes.
  std::uint64_t published_ = 0;  ///< What the consumer sees.
};

/// The end that reads; as guarded as the other one. A ring whose content makes no sense is broken:
/// it stays quiet until it is mended. Single-threaded.
class RingConsumer {
 public:
  /// BASE is a mapped ring file and outlives this. What is in the ring is passed over. After it
  /// both ends need a signal.
  explicit RingConsumer(std::byte* base);

  enum class State { kEmpty, kRecord, kBroken };

  /// Copies the head of the first record into HEAD. It is not checked but for its length. Only
  /// peek() and pop() look for what is new.
  [[nodiscard]] State peek(RecordHead& head);
  /// Where the payload of the record that peek() has found is, in at most two pieces. Its bytes may
  /// change at any time.
  [[nodiscard]] std::array<iovec, 2> payload() const;
  /// Passes over that record, and shows the producer the room. Returns whether it wants the space
  /// event for that.
  [[nodiscard]] bool pop();

  /// Asks for the data event at the next record. Returns whether there is one already: then there
  /// may be no event.
  [[nodiscard]] bool sleep();

  /// The incarnation of the producer that has begun last, as it says.
  [[nodiscard]] std::uint64_t session() const;
  [[nodiscard]] bool broken() const { return broken_; }
  /// A broken ring goes on where the records of the producer's INCARNATION begin, if that one has
  /// begun: it may not be the one that broke it. Returns whether it goes on, and then the producer
  /// needs a signal. What it finds there may be nonsense again.
  [[nodiscard]] bool mend(Incarnation incarnation);

 private:
  void move_to(std::uint64_t position);

  ProducerPage* other_;
  ConsumerPage* own_;
  const std::byte* data_;
  std::uint64_t position_ = 0;
  std::uint64_t length_ = 0;  ///< Of the payload of the record that peek() has found.
  bool broken_ = false;
};

}  // namespace hive::device::vsock
