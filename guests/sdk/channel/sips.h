// Short messages between cells (guests/abi/sips.h).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "guests/abi/sips.h"
#include "guests/sdk/channel/receiver.h"
#include "guests/sdk/channel/sender.h"

namespace hive::sdk {

using SipsMessage = std::array<std::byte, HIVE_SIPS_MESSAGE_SIZE>;

/// One port of this cell. Thread-safe: senders take turns, and so do receivers, but nobody's turn
/// lasts while it waits. At most one object of a cell has a port at a time. What other cells wrote
/// is hostile: a sender whose ring makes no sense is passed over, until it begins anew.
class SipsPort {
 public:
  static constexpr std::chrono::seconds kClosingPatience{1};

  /// HIVE_INVALID: PORT is not below HIVE_SIPS_PORTS. HIVE_NOT_MAPPED: this cell has no system
  /// area. Else as create_section(). MACHINE outlives the port.
  static Result<std::unique_ptr<SipsPort>> open(Machine& machine, std::uint32_t port);

  SipsPort(Machine& machine, std::uint32_t port, hive_section section);
  SipsPort(const SipsPort&) = delete;
  SipsPort& operator=(const SipsPort&) = delete;
  /// Waits until what was sent was taken, but no longer than kClosingPatience, and not for cells
  /// that have closed the port. Then others find it closed; its section ends, with what was not
  /// taken.
  ~SipsPort();

  /// HIVE_NOT_FOUND: CELL has not opened the port. HIVE_DEADLINE: its ring was full until END. Else
  /// as ChannelSender::send().
  Result<Done> send(std::uint32_t cell, const SipsMessage& message, Clock::time_point end);

  /// Waits until all that was sent was taken. HIVE_DEADLINE at END. What was sent to cells that
  /// have closed the port, or failed, is not waited for.
  Result<Done> flush(Clock::time_point end);

  struct Received {
    std::uint32_t cell = 0;
    SipsMessage message{};
  };
  /// The next message; cells take turns. HIVE_DEADLINE: there was none until END.
  Result<Received> receive(Clock::time_point end);

 private:
  struct Outgoing {
    std::uint64_t section = 0;  ///< Where the receiver's is.
    std::optional<ChannelSender> sender;
  };
  struct Incoming {
    std::uint64_t section = 0;  ///< Where the sender's is.
    std::optional<ChannelReceiver> receiver;
  };

  [[nodiscard]] ChannelPlace place(std::uint32_t sender, std::uint64_t sender_section,
                                   std::uint32_t receiver, std::uint64_t receiver_section) const;
  Result<ChannelSender*> sender_to(std::uint32_t cell);
  Result<bool> try_send(std::uint32_t cell, const SipsMessage& message, WaitKey& room);
  bool is_taken(std::uint32_t cell, WaitKey& room);
  ChannelReceiver* receiver_from(std::uint32_t cell);
  bool take_next(Received& received);

  Machine& machine_;
  std::uint32_t port_;
  hive_section section_;
  std::uint64_t start_;  ///< Of the section, within this cell's contribution.
  std::uint32_t own_;
  std::uint32_t cells_;
  std::mutex send_mutex_;
  std::vector<Outgoing> outgoing_;  ///< Guarded by send_mutex_.
  std::mutex receive_mutex_;        // Guards what follows.
  std::vector<Incoming> incoming_;
  std::uint32_t next_ = 0;  ///< The cell whose turn it is.
  std::vector<std::byte> record_;
};

}  // namespace hive::sdk
