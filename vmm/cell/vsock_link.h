// The VMM's end of the socket to its monitor about vsock.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/cell/vsock_protocol.h"

namespace hive::cell {

/// Speaks the protocol of vmm/cell/vsock_protocol.h. A packet that breaks it is passed over, and
/// what descriptors it had are closed. On LOOP's thread; handlers are called from the loop.
class VsockLink {
 public:
  struct Handlers {
    std::function<void(unsigned cell, Incarnation incarnation)> peer_up;
    std::function<void(unsigned cell, Incarnation incarnation)> peer_down;
    /// The answer to a call: a connected stream socket, or none.
    std::function<void(std::uint32_t request, UniqueFd socket)> host_answer;
    std::function<void(std::uint32_t port, UniqueFd socket)> host_call;
    std::function<void(unsigned cell, const PathFaults& faults)> faults;
    /// Counts of each sibling, in the order of the configuration.
    std::function<std::vector<VsockCount>()> counts;
    std::function<VsockGuestCounters()> guest_counts;
  };

  /// SOCKET may be none.
  VsockLink(boost::asio::io_context& loop, UniqueFd socket, Handlers handlers);
  VsockLink(const VsockLink&) = delete;
  VsockLink& operator=(const VsockLink&) = delete;
  ~VsockLink();

  /// Asks for a socket for the guest's call of the host's PORT. False when there is no monitor, or
  /// it takes nothing: nobody will answer.
  [[nodiscard]] bool ask_host(std::uint32_t request, std::uint32_t port);

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with the wait that is under way. Null: no socket.
};

}  // namespace hive::cell
