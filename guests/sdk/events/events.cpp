#include "guests/sdk/events/events.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace hive::sdk {
namespace {

constexpr std::chrono::microseconds kLongestPoll{2000};
constexpr std::size_t kMostIdleListeners = 8;

}  // namespace

void full_fence() {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer knows no fences; what it checks here is ordered by atomic accesses.
  _mm_mfence();
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

Events::Events(const Device& device, std::unique_ptr<Bell> bell, std::function<bool()> prepare,
               std::chrono::milliseconds longest_sleep)
    : areas_(device),
      cells_(device.facts.cells),
      bell_(std::move(bell)),
      prepare_(std::move(prepare)),
      longest_sleep_(longest_sleep) {}

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
  std::unique_ptr<Listener> listener = take_listener();
  if (!listener) return poll(look, end);
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
      listener->wait_until(std::min(end, now + longest_sleep_));
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

void Events::wake_in(std::uint32_t cell, const WaitKey& key) {
  full_fence();
  if (areas_.has_waiters(cell, key)) bell_->ring(cell);
}

std::unique_ptr<Listener> Events::take_listener() {
  const std::lock_guard lock(mutex_);
  if (deaf_) return nullptr;
  if (!listeners_.empty()) {
    std::unique_ptr<Listener> taken = std::move(listeners_.back());
    listeners_.pop_back();
    return taken;
  }
  if (prepare_) deaf_ = !std::exchange(prepare_, nullptr)();
  std::unique_ptr<Listener> made = deaf_ ? nullptr : bell_->listen();
  deaf_ = made == nullptr;
  return made;
}

void Events::give_back(std::unique_ptr<Listener> listener) {
  const std::lock_guard lock(mutex_);
  if (listeners_.size() < kMostIdleListeners) listeners_.push_back(std::move(listener));
}

}  // namespace hive::sdk
