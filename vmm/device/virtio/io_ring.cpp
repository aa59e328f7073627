#include "vmm/device/virtio/io_ring.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "vmm/base/error.h"

namespace hive::device {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(10);

void set_up(io_uring& ring, unsigned entries) {
  // Completions are seen when the loop next enters the kernel; no need to interrupt it for them.
  int result = ::io_uring_queue_init(entries, &ring, IORING_SETUP_COOP_TASKRUN);
  if (result == -EINVAL) result = ::io_uring_queue_init(entries, &ring, 0);
  if (result < 0) {
    throw_errno("disk I/O: io_uring", -result,
                "allow it on this host: sysctl kernel.io_uring_disabled=0, and no seccomp filter "
                "or container policy that forbids it");
  }
}

}  // namespace

/// Shared with the pending wait, which may complete after the ring is gone.
struct IoRing::State {
  State(boost::asio::io_context& loop, unsigned entries, std::function<void()> handler)
      : descriptor(loop), retry(loop), on_ready(std::move(handler)) {
    set_up(ring, entries);
    descriptor.assign(ring.ring_fd);
  }

  static void arm(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 [state](const boost::system::error_code& error) {
                                   if (error || !state->on_ready) return;
                                   state->on_ready();
                                   if (state->on_ready) arm(state);
                                 });
  }

  static void submit(const std::shared_ptr<State>& state) {
    ::io_uring_submit(&state->ring);
    if (::io_uring_sq_ready(&state->ring) == 0) return;
    state->retry.expires_after(kRetry);
    state->retry.async_wait([state](const boost::system::error_code& error) {
      if (!error && state->on_ready) submit(state);
    });
  }

  boost::asio::posix::stream_descriptor descriptor;
  boost::asio::steady_timer retry;
  std::function<void()> on_ready;  ///< Empty once the ring is gone.
  io_uring ring{};
};

IoRing::IoRing(boost::asio::io_context& loop, unsigned entries, std::function<void()> on_ready)
    : state_(std::make_shared<State>(loop, entries, std::move(on_ready))) {
  State::arm(state_);
}

IoRing::~IoRing() {
  state_->on_ready = nullptr;
  boost::system::error_code ignored;
  state_->retry.cancel(ignored);
  (void)state_->descriptor.release();  // The ring closes it.
  ::io_uring_queue_exit(&state_->ring);
}

io_uring_sqe& IoRing::prepare() { return *::io_uring_get_sqe(&state_->ring); }

void IoRing::submit() {
  if (::io_uring_sq_ready(&state_->ring) != 0) State::submit(state_);
}

std::optional<IoCompletion> IoRing::take() {
  io_uring_cqe* entry = nullptr;
  if (::io_uring_peek_cqe(&state_->ring, &entry) != 0) return std::nullopt;
  const IoCompletion completion{::io_uring_cqe_get_data(entry), entry->res};
  ::io_uring_cqe_seen(&state_->ring, entry);
  return completion;
}

unsigned IoRing::waiting() const { return ::io_uring_sq_ready(&state_->ring); }

void IoRing::wait() {
  io_uring_cqe* entry = nullptr;
  (void)::io_uring_wait_cqe(&state_->ring, &entry);
}

}  // namespace hive::device
