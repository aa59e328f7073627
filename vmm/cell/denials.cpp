#include "vmm/cell/denials.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cell {
namespace {

using memory::Denial;
using memory::DenialAnswer;
using memory::DenialOutcome;

// A thread that waits fails within microseconds of being woken; longer, and it may not be waiting.
constexpr std::chrono::milliseconds kPatience{2};

pid_t this_thread() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

}  // namespace

Denials::~Denials() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

UniqueFd Denials::connect(unsigned home) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw_errno("write firewall: cannot make a socket to a home's monitor");
  }
  channels_.push_back({home, UniqueFd(ends[0])});
  return UniqueFd(ends[1]);
}

void Denials::start() {
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!stop_) throw_errno("write firewall: eventfd");
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_) throw_errno("write firewall: timerfd");
  thread_ = std::thread([this] { serve(); });
}

void Denials::enrol(Kick kick) {
  const std::scoped_lock lock(mutex_);
  enrolled_[this_thread()] = std::move(kick);
}

void Denials::leave() {
  excuse();
  (void)end_limit();
  const std::scoped_lock lock(mutex_);
  enrolled_.erase(this_thread());
}

std::optional<std::uint64_t> Denials::claim(std::int32_t vcpu, std::uint64_t rip) {
  const std::scoped_lock lock(mutex_);
  const pid_t thread = this_thread();
  std::optional<std::uint64_t> page;
  // The last one is the one for this write; those before it came too late for theirs.
  for (std::size_t place = standing_.size(); place-- > 0;) {
    if (standing_[place].thread != thread) continue;
    const bool first = !page;
    if (first) page = standing_[place].offset;
    settle(
        place,
        {standing_[place].sequence, first ? rip : 0,
         static_cast<std::uint32_t>(first ? DenialOutcome::kStopped : DenialOutcome::kMoot), vcpu});
  }
  return page;
}

std::optional<std::uint64_t> Denials::claim_for_kernel(std::int32_t vcpu, std::uint64_t rip) {
  const std::scoped_lock lock(mutex_);
  const bool all_fail =
      all_stopped_ != 0 ||
      std::any_of(limits_.begin(), limits_.end(), [](auto& each) { return each.second.passed; });
  if (all_fail) return std::nullopt;
  const auto found = std::find_if(standing_.begin(), standing_.end(), [this](const Standing& each) {
    return !enrolled_.contains(each.thread);
  });
  if (found == standing_.end()) return std::nullopt;
  const std::uint64_t page = found->offset;
  settle(static_cast<std::size_t>(found - standing_.begin()),
         {found->sequence, rip, static_cast<std::uint32_t>(DenialOutcome::kStopped), vcpu});
  return page;
}

void Denials::excuse() {
  const std::scoped_lock lock(mutex_);
  const pid_t thread = this_thread();
  for (std::size_t place = standing_.size(); place-- > 0;) {
    if (standing_[place].thread != thread) continue;
    settle(place,
           {standing_[place].sequence, 0, static_cast<std::uint32_t>(DenialOutcome::kMoot), -1});
  }
}

void Denials::settle(std::size_t place, DenialAnswer answer) {
  const Standing settled = standing_[place];
  standing_.erase(standing_.begin() + static_cast<std::ptrdiff_t>(place));
  const bool last = std::none_of(standing_.begin(), standing_.end(), [&](const Standing& other) {
    return other.offset == settled.offset;
  });
  // Before the answer: a grant that waits for it must find the page writable.
  if (last) restore({settled.offset, kPageSize});
  // A monitor that is gone needs no answer.
  (void)!::send(channels_[settled.channel].socket.get(), &answer, sizeof answer, MSG_NOSIGNAL);
}

void Denials::serve() {
  std::vector<pollfd> waiting;
  for (const Channel& channel : channels_) waiting.push_back({channel.socket.get(), POLLIN, 0});
  waiting.push_back({timer_.get(), POLLIN, 0});
  waiting.push_back({stop_.get(), POLLIN, 0});
  for (;;) {
    const int ready = ::poll(waiting.data(), waiting.size(), poll_timeout());
    if (waiting.back().revents != 0) return;
    for (std::size_t channel = 0; ready > 0 && channel < channels_.size(); ++channel) {
      if ((waiting[channel].revents & POLLIN) != 0) receive(channel);
      // Its monitor is gone: the copy of the guard that the window keeps goes on protecting.
      if ((waiting[channel].revents & (POLLHUP | POLLERR)) != 0) waiting[channel].fd = -1;
    }
    press();
    check_limits();
  }
}

void Denials::stop(const Range& range) {
  ++changes_;
  window_.forbid(range);
  window_.wake(range);
}

void Denials::restore(const Range& range) {
  ++changes_;
  if (all_stopped_ != 0) return;
  window_.allow(range);
  for (const Standing& each : standing_) {
    if (range.contains(each.offset)) stop({each.offset, kPageSize});
  }
  for (const auto& [thread, limit] : limits_) {
    if (limit.passed) stop(limit.range);
  }
}

void Denials::stop_all() {
  const std::scoped_lock lock(mutex_);
  ++all_stopped_;
  stop(everything());
}

void Denials::let_go_on() {
  const std::scoped_lock lock(mutex_);
  if (--all_stopped_ == 0) restore(everything());
}

void Denials::limit(const Range& range, std::chrono::milliseconds limit) {
  const std::uint64_t start = align_down(range.start, kPageSize);
  const Range pages{start, align_up(range.end(), kPageSize) - start};
  const std::scoped_lock lock(mutex_);
  limits_[this_thread()] = {pages, Clock::now() + limit};
  set_timer();
}

bool Denials::end_limit() {
  const std::scoped_lock lock(mutex_);
  const auto place = limits_.find(this_thread());
  if (place == limits_.end()) return false;
  const Limit limit = place->second;
  limits_.erase(place);
  set_timer();
  if (limit.passed) restore(limit.range);
  return limit.passed;
}

void Denials::set_timer() {
  auto next = Clock::time_point::max();
  for (const auto& [thread, limit] : limits_) {
    if (!limit.passed) next = std::min(next, limit.end);
  }
  itimerspec when{};  // Zero: never.
  if (next != Clock::time_point::max()) {
    const auto since = next.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    when.it_value = {seconds.count(), std::chrono::nanoseconds(since - seconds).count()};
  }
  // The steady clock is CLOCK_MONOTONIC.
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Denials::check_limits() {
  std::uint64_t expirations = 0;
  const std::scoped_lock lock(mutex_);
  // Setting the timer takes back an expiration that nobody has read.
  if (::read(timer_.get(), &expirations, sizeof expirations) <= 0) return;
  const auto now = Clock::now();
  for (auto& [thread, limit] : limits_) {
    if (limit.passed || now < limit.end) continue;
    limit.passed = true;
    stop(limit.range);
    const auto party = enrolled_.find(thread);
    if (party != enrolled_.end()) party->second();
  }
  set_timer();
}

std::uint64_t Denials::now() {
  const std::scoped_lock lock(mutex_);
  return changes_;
}

bool Denials::disturbed_since(std::uint64_t mark) {
  const std::scoped_lock lock(mutex_);
  return changes_ != mark || all_stopped_ != 0 || !standing_.empty() ||
         std::any_of(limits_.begin(), limits_.end(),
                     [](const auto& each) { return each.second.passed; });
}

void Denials::receive(std::size_t channel) {
  Denial denial{};
  const int socket = channels_[channel].socket.get();
  while (::recv(socket, &denial, sizeof denial, MSG_DONTWAIT) == sizeof denial) {
    deny(channel, denial);
  }
}

void Denials::deny(std::size_t channel, const Denial& denial) {
  const Range& home = window_.contributions()[channels_[channel].home];
  if (!is_aligned(denial.offset, kPageSize) || denial.offset >= home.size) return;
  const std::uint64_t offset = home.start + denial.offset;
  const std::scoped_lock lock(mutex_);
  const auto patience = enrolled_.contains(denial.thread) ? kPatience : kernel_patience_;
  standing_.push_back({channel, denial.sequence, offset, denial.thread, Clock::now() + patience});
  stop({offset, kPageSize});
}

int Denials::poll_timeout() {
  const std::scoped_lock lock(mutex_);
  return standing_.empty() ? -1 : static_cast<int>(kPatience.count());
}

void Denials::press() {
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  for (std::size_t place = standing_.size(); place-- > 0;) {
    Standing& each = standing_[place];
    if (now < each.patience) continue;
    const auto party = enrolled_.find(each.thread);
    if (party == enrolled_.end()) {
      settle(place, {each.sequence, 0, static_cast<std::uint32_t>(DenialOutcome::kMoot), -1});
    } else {
      party->second();
      each.patience = now + kPatience;
    }
  }
}

}  // namespace hive::cell
