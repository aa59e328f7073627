// The VMM's end of the socket to its monitor about global memory.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "guests/abi/global_memory.h"
#include "vmm/base/unique_fd.h"
#include "vmm/memory/global_window.h"

namespace hive::cell {

/// Speaks the protocol of vmm/cell/global_protocol.h. A request for which there is no monitor, or
/// whose monitor goes or takes nothing, is answered here: HIVE_GLOBAL_HOME_GONE. On LOOP's thread.
class GlobalLink {
 public:
  /// Takes the reply to the request under way.
  using ReplySink = std::function<void(const hive_global_reply& reply)>;

  /// SOCKET may be none.
  GlobalLink(boost::asio::io_context& loop, UniqueFd socket, ReplySink on_reply);
  GlobalLink(const GlobalLink&) = delete;
  GlobalLink& operator=(const GlobalLink&) = delete;

  [[nodiscard]] bool connected() const { return socket_.has_value(); }

  /// Gives the monitor GUARD and DENIALS (vmm/memory/denial.h), both for the monitor of the guard's
  /// home. Waits up to kPatience for room. Throws Error when it cannot. Only while connected.
  void offer(memory::HomeGuard guard, UniqueFd denials);

  /// Takes the homes that are to be closed from now on.
  using CloseSink = std::function<void(std::uint64_t homes)>;
  /// ON_CLOSE is called from now on; before it comes, what the monitor says of it is lost.
  void on_close(CloseSink on_close) { on_close_ = std::move(on_close); }
  /// Tells the monitor that HOMES are closed, and no others.
  void tell_closed(std::uint64_t homes);
  /// Tells the monitor of COUNT memory failures so far, if it takes that now.
  void tell_failures(std::uint64_t count);

  /// Forwards the guest's REQUEST, as it is. The one before has been answered.
  void forward(const hive_global_request& request);

 private:
  static constexpr int kPatience = 5000;  // Milliseconds.

  void receive();
  void take(std::size_t size);
  template <typename Packet>
  void tell(const Packet& packet);
  void lose();
  void answer_gone();

  std::optional<boost::asio::posix::stream_descriptor> socket_;  ///< None: gone.
  ReplySink on_reply_;
  CloseSink on_close_;
  std::vector<std::byte> packet_;
  std::optional<hive_global_request> waiting_;  ///< The request under way.
};

}  // namespace hive::cell
