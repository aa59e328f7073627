// The data of one console port.
#pragma once

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "vmm/base/unique_fd.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// Moves bytes between a port's two queues and its socket. It holds at most one chain of each queue
/// and no bytes: what cannot be moved on stays where it is. With the device's lock held, on the
/// loop's thread.
///
/// Linux writes to a console (not to other ports) with a spin lock held and waits until the device
/// has taken the bytes. So that a reader that stalls does not stall the guest's kernel, a console's
/// output is dropped when the socket has taken nothing for kPatience, until it takes bytes again.
class ConsolePort : public std::enable_shared_from_this<ConsolePort> {
 public:
  static constexpr std::uint16_t kReceiveSize = 16;
  static constexpr std::uint16_t kTransmitSize = 32;
  static constexpr std::chrono::milliseconds kPatience{100};

  struct Queues {
    unsigned receive;   ///< To the guest.
    unsigned transmit;  ///< From the guest.
  };

  /// ON_HOST_GONE is called, once, when the socket's peer has closed it.
  ConsolePort(VirtioTransport& transport, Queues queues, UniqueFd socket, bool console,
              std::function<void()> on_host_gone);

  void pump_to_host();
  /// OPEN: whether the guest wants bytes.
  void pump_to_guest(bool open);

  /// Forgets chains taken from queue INDEX, if it is one of the port's.
  void reset_queue(unsigned index);
  void reset();
  /// The port is about to be destroyed; its waits may end later.
  void close();

 private:
  enum class Moved { kSome, kWait, kStop };

  [[nodiscard]] Moved send_chain();
  [[nodiscard]] Moved receive_chain();
  /// receive_chain() for buffers in global memory.
  [[nodiscard]] Moved receive_guarded();
  [[nodiscard]] bool take(unsigned queue, Chain& chain);
  void await_writable();
  void await_readable();
  void lose_patience();
  void host_gone();

  VirtioTransport* transport_;
  Queues queues_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer patience_;
  bool console_;
  std::function<void()> on_host_gone_;
  bool host_open_ = true;
  bool guest_open_ = false;
  bool stalled_ = false;  ///< A console's reader has lost our patience.
  bool awaiting_writable_ = false;
  bool awaiting_readable_ = false;
  bool closed_ = false;

  std::array<iovec, kTransmitSize> transmit_storage_{};
  std::array<iovec, kReceiveSize> receive_storage_{};
  Chain transmit_{.storage = transmit_storage_};
  Chain receive_{.storage = receive_storage_};
  bool transmitting_ = false;  ///< `transmit_` is taken; `unsent_` is what is left of it.
  bool receiving_ = false;     ///< `receive_` is taken and waits for bytes.
  std::span<iovec> unsent_;
};

}  // namespace hive::device
