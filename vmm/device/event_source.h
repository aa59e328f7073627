// An eventfd whose signals are handled on the device loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vmm/base/unique_fd.h"

namespace hive::device {

/// Owns an eventfd and calls a function on LOOP's thread after it was signalled; signals that come
/// before that call are merged into it. Construct and destroy on the loop's thread or while the
/// loop does not run; signal from anywhere.
class EventSource {
 public:
  /// Throws Error when the process has no descriptors left.
  EventSource(boost::asio::io_context& loop, std::function<void()> on_signal);
  /// Takes EVENT, an eventfd that does not block and that others may signal too.
  EventSource(boost::asio::io_context& loop, UniqueFd event, std::function<void()> on_signal);
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;
  EventSource(EventSource&&) noexcept = default;
  EventSource& operator=(EventSource&&) = delete;
  ~EventSource();

  /// The descriptor, for the kernel to signal.
  [[nodiscard]] int fd() const;
  /// Never blocks.
  void signal() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hive::device
