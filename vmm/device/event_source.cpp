#include "vmm/device/event_source.h"

#include <sys/eventfd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/watch.h"

namespace hive::device {
namespace {

UniqueFd make_eventfd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw_errno("eventfd", errno, "raise the limit on open files (ulimit -n)");
  return fd;
}

}  // namespace

/// Shared with the pending read, which may complete after the source is gone.
struct EventSource::State {
  State(boost::asio::io_context& loop, UniqueFd event, std::function<void()> handler)
      : descriptor(watch(loop, std::move(event))), on_signal(std::move(handler)) {}

  /// Reads rather than waits: a read that finds nothing is cheaper than re-arming epoll.
  static void arm(const std::shared_ptr<State>& state) {
    state->descriptor.async_read_some(boost::asio::buffer(&state->count, sizeof state->count),
                                      [state](const boost::system::error_code& error, std::size_t) {
                                        if (error || !state->on_signal) return;
                                        state->on_signal();
                                        if (state->on_signal) arm(state);
                                      });
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> on_signal;  ///< Empty once the source is gone.
  std::uint64_t count = 0;
};

EventSource::EventSource(boost::asio::io_context& loop, std::function<void()> on_signal)
    : EventSource(loop, make_eventfd(), std::move(on_signal)) {}

EventSource::EventSource(boost::asio::io_context& loop, UniqueFd event,
                         std::function<void()> on_signal)
    : state_(std::make_shared<State>(loop, std::move(event), std::move(on_signal))) {
  State::arm(state_);
}

EventSource::~EventSource() {
  if (!state_) return;
  state_->on_signal = nullptr;
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
}

int EventSource::fd() const { return state_->descriptor.native_handle(); }

void EventSource::signal() const {
  // Fails only when the counter is full, and then a signal is pending anyway.
  (void)!::eventfd_write(fd(), 1);
}

}  // namespace hive::device
