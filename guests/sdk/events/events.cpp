#include "guests/sdk/events/events.h"

#include <fcntl.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "guests/sdk/events/spinning_wait.h"
#include "vmm/base/unique_fd.h"

namespace hive::sdk {
namespace {

constexpr std::chrono::microseconds kLongestPoll{2000};
constexpr std::size_t kMostIdleListeners = 8;

/// Whether this process, or the guest, has no descriptors to spare, which passes.
bool lacks_descriptors() {
  std::array<UniqueFd, 4> spare;  // As many as a listener may take.
  for (UniqueFd& each : spare) {
    each.reset(::open("/", O_PATH | O_CLOEXEC));
    if (!each && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) return true;
  }
  return false;
}

/// Whether FAILURE to get a listener is for good.
bool is_final(hive_status failure) { return failure != HIVE_DEADLINE && !lacks_descriptors(); }

}  // namespace

Clock::duration Listener::longest_sleep(Clock::duration usual) const {
  constexpr Clock::duration kLeast = std::chrono::milliseconds(1);
  return std::clamp(Clock::now() - unsure_since_, std::min(kLeast, usual), usual);
}

void full_fence() {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer knows no fences; what it checks here is ordered by atomic accesses.
  _mm_mfence();
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

Events::Events(const Device& device, std::unique_ptr<Bell> bell, Prepare prepare,
               std::chrono::milliseconds longest_sleep)
    : areas_(device),
      cells_(device.facts.cells),
      bell_(std::move(bell)),
      longest_sleep_(longest_sleep),
      prepare_(std::move(prepare)) {}

bool Events::wait(const WaitKey& key, const Look& look, Clock::time_point end) {
  if (look()) return true;
  SpinningWait wait(spin_bound_);
  if (wait.spin(look, end)) return true;
  const bool came = areas_.has_own() ? sleep(key, look, end) : poll(look, end);
  if (came) wait.woke();
  return came;
}

bool Events::poll(const Look& look, Clock::time_point end) {
  Backoff backoff(kLongestPoll);
  while (!look()) {
    if (!backoff.wait_until(end)) return false;
  }
  return true;
}

bool Events::sleep(const WaitKey& key, const Look& look, Clock::time_point end) {
  // What the first sleep takes may take longer than there is time, or than the wait.
  std::unique_ptr<Listener> listener;
  Backoff backoff(kLongestPoll);
  while (!(listener = take_listener(std::min(end, Clock::now() + kLongestPoll)))) {
    if (deaf_) return poll(look, end);
    if (look()) return true;
    if (!backoff.wait_until(end)) return false;
  }
  bool over = false;
  bool deaf = false;
  {
    const Published published(areas_, key);
    while (!over && !deaf) {
      listener->forget();
      deaf = !listener->enable();
      full_fence();
      over = look();
      const Clock::time_point now = Clock::now();
      if (over || deaf || now >= end) break;
      listener->wait_until(std::min(end, now + listener->longest_sleep(longest_sleep_)));
    }
  }
  if (deaf) return over || poll(look, end);
  give_back(std::move(listener));
  return over;
}

unsigned Events::wake(const WaitKey& key) {
  full_fence();
  unsigned rung = 0;
  for (std::uint32_t cell = 0; cell < cells_; ++cell) {
    if (!areas_.has_waiters(cell, key)) continue;
    bell_->ring(cell);
    ++rung;
  }
  return rung;
}

bool Events::wake_in(std::uint32_t cell, const WaitKey& key) {
  full_fence();
  if (!areas_.has_waiters(cell, key)) return false;
  bell_->ring(cell);
  return true;
}

std::unique_ptr<Listener> Events::take_idle() {
  const std::lock_guard lock(mutex_);
  if (listeners_.empty()) return nullptr;
  std::unique_ptr<Listener> taken = std::move(listeners_.back());
  listeners_.pop_back();
  return taken;
}

std::unique_ptr<Listener> Events::take_listener(Clock::time_point end) {
  if (auto idle = take_idle()) return idle;
  if (deaf_ || !making_.take_until(end)) return nullptr;
  const TurnTaken taken(making_);
  if (auto idle = take_idle()) return idle;
  return deaf_ ? nullptr : make_listener(end);
}

/// By who has the turn.
std::unique_ptr<Listener> Events::make_listener(Clock::time_point end) {
  if (prepare_) {
    const auto prepared = prepare_(end);
    if (!prepared.ok()) {
      deaf_ = is_final(prepared.status());
      return nullptr;
    }
    prepare_ = nullptr;
  }
  auto made = bell_->listen(end);
  if (made.ok()) return std::move(made).value();
  deaf_ = is_final(made.status());
  return nullptr;
}

void Events::give_back(std::unique_ptr<Listener> listener) {
  const std::lock_guard lock(mutex_);
  if (listeners_.size() < kMostIdleListeners) listeners_.push_back(std::move(listener));
}

}  // namespace hive::sdk
