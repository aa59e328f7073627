// An io_uring whose completions are handled on the device loop.
#pragma once

#include <liburing.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace hive::device {

/// One finished operation.
struct IoCompletion {
  void* owner;          ///< As given with the operation.
  std::int32_t result;  ///< As of the system call, or a negative errno.
};

/// Owns an io_uring, which reads, writes, syncs and allocates files and does nothing else, whoever
/// puts an operation into it: others end with -EACCES. All on the loop's thread, or while the loop
/// does not run.
class IoRing {
 public:
  /// Room for ENTRIES operations in flight. ON_READY is called on the loop when some have finished.
  /// Throws Error when the host gives no io_uring.
  IoRing(boost::asio::io_context& loop, unsigned entries, std::function<void()> on_ready);
  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;
  /// No operation may be in flight; those that the host has not taken are dropped.
  ~IoRing();

  /// A free entry to prepare an operation in. The caller keeps at most ENTRIES in flight.
  [[nodiscard]] io_uring_sqe& prepare();
  /// Starts what was prepared. What the host has no memory for now is started later.
  void submit();
  /// The next finished operation, if any.
  [[nodiscard]] std::optional<IoCompletion> take();
  /// Operations that were prepared and that the host has not taken yet: nothing uses their buffers.
  [[nodiscard]] unsigned waiting() const;
  /// Waits until an operation has finished. The host must have taken one.
  void wait();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hive::device
