#include "cellmon/control/thread_times.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "vmm/base/monotonic.h"

namespace hive::control {
namespace {

UniqueFd open_of(pid_t process, pid_t thread, std::string_view name) {
  return UniqueFd(::open(fmt::format("/proc/{}/task/{}/{}", process, thread, name).c_str(),
                         O_RDONLY | O_CLOEXEC));
}

/// The beginning of what FILE has now, in ROOM; empty where there is nothing.
std::string_view text_of(const UniqueFd& file, std::array<char, 128>& room) {
  const ssize_t size = file ? ::pread(file.get(), room.data(), room.size(), 0) : -1;
  return {room.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace

ThreadTimes::Sample ThreadTimes::Waits::add(const Sample& booked, bool is_ready,
                                            std::uint64_t now) {
  waited_ = std::max(waited_, booked.waited);
  // A kernel that keeps no books says that no thread ever ran.
  if (!is_ready || booked.ran == 0) {
    ready_since_ = 0;
  } else if (ready_since_ == 0 || booked_ != booked) {
    ready_since_ = now;
    before_ = waited_;
  }
  booked_ = booked;
  const std::uint64_t wait = ready_since_ == 0 ? 0 : now - std::min(now, ready_since_);
  if (wait >= kLongestUnbooked) waited_ = std::max(waited_, before_ + wait);
  return {booked.ran, waited_};
}

ThreadTimes::ThreadTimes(pid_t process, pid_t thread)
    : books_(open_of(process, thread, "schedstat")), stat_(open_of(process, thread, "stat")) {}

std::optional<ThreadTimes::Sample> ThreadTimes::read() {
  std::array<char, 128> room;
  const auto booked = parse(text_of(books_, room));
  if (!booked) return std::nullopt;
  return waits_.add(*booked, is_ready(text_of(stat_, room)), monotonic_now());
}

ThreadTimes::Sample ThreadTimes::latest() {
  latest_ = read().value_or(latest_);
  return latest_;
}

std::optional<ThreadTimes::Sample> ThreadTimes::parse(std::string_view text) {
  Sample sample;
  const char* const end = text.data() + text.size();
  const auto ran = std::from_chars(text.data(), end, sample.ran);
  if (ran.ec != std::errc{} || ran.ptr == end || *ran.ptr != ' ') return std::nullopt;
  if (std::from_chars(ran.ptr + 1, end, sample.waited).ec != std::errc{}) return std::nullopt;
  return sample;
}

bool ThreadTimes::is_ready(std::string_view stat) {
  // The name before it may hold anything, parentheses and spaces too.
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string_view::npos && stat.substr(name_end).starts_with(") R ");
}

}  // namespace hive::control
