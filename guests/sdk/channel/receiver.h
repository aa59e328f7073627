// The receiving end of a channel.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guests/sdk/channel/ring_view.h"
#include "guests/sdk/machine.h"

namespace hive::sdk {

/// Takes records from a ring in another cell's memory, or in this one's. Used by one thread at a
/// time; the machine outlives it. All of the ring is hostile.
class ChannelReceiver {
 public:
  /// For the ring at PLACE, which the sender may not have made yet. A session that this credit was
  /// at goes on where it was. HIVE_INVALID: PLACE is not aligned, or its credit is not in this
  /// cell's memory.
  static Result<ChannelReceiver> attach(Machine& machine, const ChannelPlace& place);

  /// The next record into RECORD, in place of what is there, waiting until END for it.
  /// HIVE_DEADLINE: there was none. HIVE_CLOSED: there will be none any more. HIVE_GONE: the ring's
  /// memory is. HIVE_TOO_LONG: it is longer than MOST; it is passed over. HIVE_BROKEN or
  /// HIVE_ROTTEN: index, header or checksum make no sense; the session is of no use any more.
  Result<Done> receive(std::vector<std::byte>& record, std::uint64_t most, Clock::time_point end);

  /// The same without waiting, nor telling the sender of the room: false where there is none.
  Result<bool> try_receive(std::vector<std::byte>& record, std::uint64_t most);
  /// Tells the sender of the room that try_receive() has made.
  void give_room();

  // The same in two steps, for those who choose where a record goes.

  /// The length of the next record, if there is one. Its header is copied once and checked; as long
  /// as no session begins anew the next calls say the same.
  Result<std::optional<std::uint32_t>> peek();
  /// The record that peek() found, whose length is that of HEAD and BODY together.
  Result<Done> take(std::span<std::byte> head, std::span<std::byte> body);
  /// Whether peek() would say something else than that there is nothing: one load.
  [[nodiscard]] bool has_news() const;
  /// Bytes of the ring that were taken and that the sender does not know of.
  [[nodiscard]] std::uint32_t untold() const { return consumed_ - told_; }

  /// The sender gets HIVE_CLOSED.
  void close();

  [[nodiscard]] std::uint64_t session() const { return session_; }

 private:
  ChannelReceiver(Machine& machine, const ChannelPlace& place, unsigned char* ring,
                  unsigned char* credit);

  Result<bool> follow_session();
  [[nodiscard]] bool session_ended() const;
  Result<std::uint32_t> available();
  Result<Done> check(std::uint32_t available);
  Result<Done> take_whole(std::vector<std::byte>& record, std::uint64_t most);
  void pass_over();
  Failure broken(const char* what);

  Machine* machine_;
  ChannelPlace place_;
  unsigned char* ring_;
  hive_channel_credit* credit_;
  RingBytes bytes_;
  std::uint64_t session_ = 0;  ///< 0: none was found yet.
  std::uint64_t sequence_ = 0;
  std::uint32_t consumed_ = 0;
  std::uint32_t told_ = 0;  ///< What the sender knows of consumed_.
  std::uint32_t closed_ = 0;
  hive_channel_record next_{};  ///< The header that peek() found.
  bool has_next_ = false;
  bool resumed_ = false;  ///< The sequence is not known yet.
  bool broken_ = false;   ///< Until the next session.
};

}  // namespace hive::sdk
