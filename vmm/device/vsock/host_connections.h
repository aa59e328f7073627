// Connections between the guest and the host (CID 2).
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/device/vsock/counters.h"
#include "vmm/device/vsock/host_connection.h"
#include "vmm/device/vsock/host_limits.h"
#include "vmm/device/vsock/receive_queue.h"

namespace hive::device::vsock {

/// All connections between the guest and programs on the host, at most kMost. Somebody else opens
/// the sockets. Calls that nobody answers end. On the loop's thread, with the device's lock held.
class HostConnections {
 public:
  static constexpr std::size_t kMost = 512;
  /// Connections that have ended for the guest, whose programs have not taken everything yet.
  static constexpr std::size_t kMostDraining = 64;

  struct Hooks {
    /// Asks for a socket for a call to PORT, to be given to answer(). False: nobody can.
    std::function<bool(std::uint32_t request, std::uint32_t port)> ask;
    /// Sends the guest a packet without payload, before anything that step() gives it later.
    std::function<void(const Header& header)> owe;
    /// Something has been owed, or step() has something to do, where it had not before. With the
    /// lock held.
    std::function<void()> wake;
  };

  HostConnections(VirtioTransport& transport, Cid guest, HostLimits limits, Hooks hooks);
  HostConnections(const HostConnections&) = delete;
  HostConnections& operator=(const HostConnections&) = delete;
  ~HostConnections() { reset(); }

  /// Takes HEADER from the guest with its payload, HEADER.length bytes of CHAIN from OFFSET on.
  void from_guest(const Header& header, std::span<const iovec> chain, std::uint64_t offset);

  /// The answer to hooks.ask: SOCKET is a connected stream socket, or none.
  void answer(std::uint32_t request, UniqueFd socket);
  /// The program behind SOCKET calls the guest's PORT.
  void call(std::uint32_t port, UniqueFd socket);

  /// Gives the guest at most one packet. False where there is nothing to do. Only while QUEUE is
  /// ready.
  bool step(ReceiveQueue& queue);

  /// Closes all connections; the guest is not told.
  void reset();
  [[nodiscard]] HostCounters counters() const;

 private:
  using Shared = std::shared_ptr<HostConnection>;
  using Ports = std::pair<std::uint32_t, std::uint32_t>;  // The guest's, the host's.
  using Table = std::map<Ports, Shared>;
  /// A socket that the monitor was asked for.
  struct Asked {
    Ports ports;
    Clock::time_point since;
  };

  Shared make(Ports ports, HostStream::State state);
  void take_call(const Header& header);
  void take_payload(const Shared& connection, std::span<const iovec> chain, std::uint64_t offset,
                    std::uint32_t length);
  void flush(const Shared& connection);
  void shut(const Shared& connection);
  void drain(const Shared& connection);
  void abort(const Shared& connection);
  void remove(const Shared& connection);
  void enqueue(const Shared& connection);
  void end(const Shared& connection, std::uint32_t flags);
  [[nodiscard]] std::uint32_t free_port(std::uint32_t guest_port);
  /// Has expire() called as long as something may.
  void watch_time();
  void expire(Clock::time_point now);
  [[nodiscard]] bool may_expire() const;

  VirtioTransport& transport_;
  Cid guest_;
  HostLimits limits_;
  Hooks hooks_;
  Table table_;
  std::map<std::uint32_t, Asked> asked_;  ///< By request. The guest may have given up meanwhile.
  std::deque<Shared> queue_;              ///< May have something for the guest.
  std::set<Shared> draining_;
  std::uint32_t last_request_ = 0;
  std::uint32_t last_port_ = 0;
  std::uint64_t expired_ = 0;
  std::uint64_t cut_ = 0;
  boost::asio::steady_timer timer_;
  bool watching_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hive::device::vsock
