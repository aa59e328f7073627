// A byte stream over a descriptor, driven by the monitor's loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Reads what comes and writes behind a bounded queue; nothing blocks. Handlers run from the loop,
/// never from within a call to the stream (but for drain()), and may destroy the stream.
class Stream {
 public:
  struct Handlers {
    std::function<void(std::string_view)> on_data;
    /// The other end is gone, or an error. The last call.
    std::function<void()> on_closed;
    /// All that was queued is written.
    std::function<void()> on_drained = [] {};
  };

  /// Takes FD, a socket, or a pipe to read from.
  Stream(boost::asio::io_context& loop, UniqueFd fd, std::size_t max_queue, Handlers handlers);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Stream(Stream&&) = delete;
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  /// Writes BYTES now or later, to a socket. False, with nothing taken, when the queue would exceed
  /// its limit.
  [[nodiscard]] bool write(std::string_view bytes);

  /// Hands on_data what has come but was not read yet, as when the other end is gone.
  void drain();

  /// Whether some of what was written has not left yet.
  [[nodiscard]] bool has_queue() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  ///< Shared with the waits that are under way.
};

}  // namespace hive::control
