#include "cellmon/control/thread_times.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace hive::control {

ThreadTimes::ThreadTimes(pid_t process, pid_t thread)
    : file_(::open(fmt::format("/proc/{}/task/{}/schedstat", process, thread).c_str(),
                   O_RDONLY | O_CLOEXEC)) {}

std::optional<ThreadTimes::Sample> ThreadTimes::read() const {
  std::array<char, 128> text;
  const ssize_t size = file_ ? ::pread(file_.get(), text.data(), text.size(), 0) : -1;
  if (size <= 0) return std::nullopt;
  return parse({text.data(), static_cast<std::size_t>(size)});
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

}  // namespace hive::control
