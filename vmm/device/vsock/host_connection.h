// A connection between the guest and a program on the host.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/device/vsock/host_stream.h"
#include "vmm/device/vsock/time.h"

namespace hive::device::vsock {

/// A host stream with its socket, once it has one, and what the socket has not taken yet. On the
/// loop's thread but for close(), with the device's lock held.
class HostConnection : public std::enable_shared_from_this<HostConnection> {
 public:
  using Handler = std::function<void(const std::shared_ptr<HostConnection>&)>;

  /// Called, without the lock, when the socket can be read, or written, or was closed meanwhile.
  /// readable() or writable() follow, with the lock.
  struct Handlers {
    Handler on_readable;
    Handler on_writable;
  };
  /// Whether there is still something to read, or to write.
  [[nodiscard]] bool readable() {
    awaiting_readable_ = false;
    return is_open();
  }
  [[nodiscard]] bool writable() {
    awaiting_writable_ = false;
    return is_open();
  }

  HostConnection(boost::asio::io_context& loop, HostStream packets, Handlers handlers)
      : stream(packets), since(Clock::now()), loop_(loop), handlers_(std::move(handlers)) {}

  /// Takes SOCKET, a connected stream socket. False, with SOCKET closed, when the loop cannot watch
  /// it.
  [[nodiscard]] bool open(UniqueFd socket);
  void close();
  [[nodiscard]] bool is_open() const { return socket_.has_value(); }

  /// Adds BYTES to what the socket is to take.
  void queue(std::span<const std::byte> bytes);
  [[nodiscard]] bool has_unsent() const { return sent_ < unsent_.size(); }
  /// Sends what the socket takes now, and has on_writable called when that was not all. Returns how
  /// much it was; nothing when the program is gone.
  [[nodiscard]] std::optional<std::uint32_t> flush();

  enum class Read : std::uint8_t {
    kBytes,
    kNothing,  ///< on_readable will be called.
    kEnd,      ///< The program sends no more.
    kGone      ///< Nor does it read.
  };
  /// Reads at most BUFFER.size() bytes; COUNT says how many.
  [[nodiscard]] Read read(std::span<std::byte> buffer, std::size_t& count);

  /// The program can send no more; gets no more.
  void stop_reading();
  void stop_writing();

  HostStream stream;
  Clock::time_point since;    ///< When the call was made; when draining began.
  std::uint32_t request = 0;  ///< By which a call of the guest's was asked for.
  bool queued = false;        ///< Among those that may have something for the guest.
  bool credit_asked = false;  ///< The guest was asked for room.
  bool ended = false;         ///< The guest was told that nothing more comes.

 private:
  void await_readable();
  void await_writable();

  boost::asio::io_context& loop_;
  Handlers handlers_;
  std::optional<boost::asio::posix::stream_descriptor> socket_;
  std::vector<std::byte> unsent_;
  std::size_t sent_ = 0;  ///< Of unsent_.
  bool awaiting_readable_ = false;
  bool awaiting_writable_ = false;
  std::atomic<bool> closed_ = false;  ///< Read without the lock.
};

}  // namespace hive::device::vsock
