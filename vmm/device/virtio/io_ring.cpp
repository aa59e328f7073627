#include "vmm/device/virtio/io_ring.h"

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "vmm/base/error.h"

namespace hive::device {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(10);

// What disks need. Other operations, which need no system call of their own once there is a ring,
// would go past the sandbox (vmm/cell/sandbox.h). Registered buffers and files are refused too.
constexpr std::array kOperations{IORING_OP_READ,   IORING_OP_READV, IORING_OP_WRITE,
                                 IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE};

/// io_uring_register(2), IORING_REGISTER_RESTRICTIONS.
int restrict_operations(io_uring& ring) {
  std::array<io_uring_restriction, kOperations.size() + 1> restrictions{};
  for (std::size_t index = 0; index < kOperations.size(); ++index) {
    restrictions[index].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[index].sqe_op = kOperations[index];
  }
  restrictions.back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  restrictions.back().sqe_flags = IOSQE_ASYNC;
  const int result =
      ::io_uring_register_restrictions(&ring, restrictions.data(), restrictions.size());
  return result < 0 ? result : ::io_uring_enable_rings(&ring);
}

void set_up(io_uring& ring, unsigned entries) {
  // Completions are seen when the loop next enters the kernel; no need to interrupt it for them.
  constexpr unsigned kFlags = IORING_SETUP_R_DISABLED;
  int result = ::io_uring_queue_init(entries, &ring, kFlags | IORING_SETUP_COOP_TASKRUN);
  if (result == -EINVAL) result = ::io_uring_queue_init(entries, &ring, kFlags);
  if (result < 0) {
    throw_errno("disk I/O: io_uring", -result,
                "allow it on this host: sysctl kernel.io_uring_disabled=0, and no seccomp filter "
                "or container policy that forbids it");
  }
  result = restrict_operations(ring);
  if (result >= 0) return;
  ::io_uring_queue_exit(&ring);
  throw_errno("disk I/O: io_uring: IORING_REGISTER_RESTRICTIONS", -result,
              "it takes Linux 5.10 or later");
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
