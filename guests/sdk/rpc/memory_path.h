// Frames through two rings in global memory. No waiting.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "guests/sdk/channel/receiver.h"
#include "guests/sdk/channel/sender.h"
#include "guests/sdk/rpc/memory_hub.h"

namespace hive::rpc {

/// Where the ring is in each section that RPC makes; the credit is at its start.
inline constexpr std::uint64_t kRingOffset = 128;

/// What SETUP tells of SECTION, of CELL, with a ring of CAPACITY bytes.
hive_rpc_setup setup_of(std::uint32_t cell, const hive_section& section, std::uint32_t capacity);

/// Where the other end of a link in memory is, as it told, or why that cannot be: it is a bad
/// place, or lies in this cell's own memory.
sdk::Result<hive_rpc_setup> check_setup(const MemoryHub& hub, const hive_rpc_setup& setup);

/// One end of a link: what it sends goes through a ring in its own section, what it receives comes
/// from a ring of the other end's. All that the other end wrote is hostile. One thread at a time
/// receives; send(), flush() and close() may be called by any.
class MemoryPath {
 public:
  /// Past this many bytes that the ring did not take, send() is full.
  static constexpr std::size_t kMostUnsent = 256 * 1024;

  /// Zeroes the two places in SECTION where a channel begins, so that the other end finds nothing
  /// there from before. Before it is told of them.
  static bool clear(MemoryHub& hub, const hive_section& section);

  /// THEIRS passed check_setup(); PEER_CID: as Link::peer_cid(). Null where a place is not to be
  /// had.
  static std::unique_ptr<MemoryPath> open(std::shared_ptr<MemoryHub> hub,
                                          std::unique_ptr<OwnedSection> section,
                                          const hive_rpc_setup& theirs, std::uint32_t peer_cid);
  /// OWN: as SETUP tells of SECTION.
  MemoryPath(std::shared_ptr<MemoryHub> hub, std::unique_ptr<OwnedSection> section,
             const hive_rpc_setup& own, const hive_rpc_setup& theirs, std::uint32_t peer_cid,
             sdk::ChannelSender sender, sdk::ChannelReceiver receiver);
  MemoryPath(const MemoryPath&) = delete;
  MemoryPath& operator=(const MemoryPath&) = delete;
  ~MemoryPath();

  Sent send(const hive_rpc_frame& header, ByteView payload);
  /// Passes on what is unsent; whether any of it went.
  bool flush();
  /// Whether flush() would come to something.
  bool can_flush();
  [[nodiscard]] std::size_t unsent() const { return unsent_size_; }
  /// The other end reads what was sent, and then the end.
  void close();

  enum class Step : std::uint8_t { kFrame, kEmpty, kEnded, kBroken };
  /// The next frame, checked, where all of it has come.
  Step read(Frame& frame);
  [[nodiscard]] bool has_news() const { return receiver_.has_news() || sending_failed_; }
  [[nodiscard]] hive_rpc_fault fault() const { return fault_; }

  [[nodiscard]] bool is_same_peer() const;

  /// Counts this end among those that wait in this cell's wait table: for frames, and for room
  /// where something is unsent. By the thread that receives.
  void publish();
  void withdraw();

 private:
  enum class Failing : std::uint8_t { kNo, kEnded, kBroken };

  Sent send_or_keep(ByteView head, ByteView payload);
  bool pass(std::span<const std::byte> head, std::span<const std::byte> body);
  void keep(ByteView head, ByteView payload, std::size_t sent);
  bool flush_first();
  [[nodiscard]] std::size_t next_piece() const;
  void forget_unsent();
  Step take_record(std::uint32_t length);
  Step take_first(std::uint32_t length);
  Step finish(Frame& frame);
  Step broken(hive_rpc_fault fault);
  Step ended_by(hive_status status);

  const std::shared_ptr<MemoryHub> hub_;
  const std::unique_ptr<OwnedSection> section_;
  const hive_rpc_setup theirs_;
  const std::uint32_t peer_cid_;
  const std::uint32_t peer_incarnation_;
  const std::size_t most_piece_;  ///< Of a record's content.
  const sdk::WaitKey data_key_;
  const sdk::WaitKey room_key_;

  // Of the thread that receives.
  sdk::ChannelReceiver receiver_;
  std::uint64_t session_ = 0;
  hive_rpc_frame header_{};
  bool has_header_ = false;
  Bytes payload_;  ///< The first filled_ bytes have come.
  std::size_t filled_ = 0;
  hive_rpc_fault fault_ = HIVE_RPC_FAULT_NONE;
  bool waits_for_data_ = false;
  bool waits_for_room_ = false;

  struct Unsent {
    Bytes frame;
    std::size_t sent = 0;
  };
  std::mutex sending_;
  sdk::ChannelSender sender_;
  std::deque<Unsent> unsent_;
  std::atomic<std::size_t> unsent_size_{0};
  std::atomic<bool> sending_failed_{false};
  std::atomic<Failing> failing_{Failing::kNo};
};

}  // namespace hive::rpc
