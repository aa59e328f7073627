// The way of packets to one sibling.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"
#include "vmm/device/event_source.h"
#include "vmm/device/vsock/backlog.h"
#include "vmm/device/vsock/ring.h"
#include "vmm/device/vsock/ring_mapping.h"

namespace hive::device::vsock {

/// A ring's descriptors, given by the monitor: a ring file and two eventfds that do not block.
struct RingFiles {
  UniqueFd file;
  UniqueFd data;   ///< The producer says that there is more.
  UniqueFd space;  ///< The consumer says that there is room again.
};

/// Puts packets into a ring and, while that is full, into a backlog. With the device's lock held.
class Outgoing {
 public:
  /// OWN is this VMM's incarnation. WHAT is for errors. ON_SPACE is called, without the lock, when
  /// flush() may have something to do. Throws Error.
  Outgoing(boost::asio::io_context& loop, RingFiles files, Incarnation own, const std::string& what,
           std::function<void()> on_space);

  /// Sends HEADER and HEADER.length bytes of PAYLOAD from OFFSET on to incarnation TO. False where
  /// there is no room for it: it is dropped.
  [[nodiscard]] bool send(Incarnation to, const Header& header, std::span<const iovec> payload = {},
                          std::uint64_t offset = 0);
  /// Moves what it can from the backlog to the ring.
  void flush();
  /// A new incarnation of the sibling is up.
  void peer_up();
  /// The sibling is gone: what has not reached the ring is dropped.
  void clear() { backlog_.clear(); }

  [[nodiscard]] const Backlog& backlog() const { return backlog_; }

 private:
  [[nodiscard]] RecordHead head_of(const Header& header, std::uint32_t sent) const;
  void publish();

  RingMapping mapping_;
  RingProducer ring_;
  UniqueFd data_;
  Incarnation own_;
  Incarnation to_ = 0;
  Backlog backlog_;
  EventSource space_;
};

}  // namespace hive::device::vsock
