#include "tests/bench/rpc/trips.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace hive::bench {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Task parse_task(const std::string& size, const std::string& count) {
  Task task;
  task.size = std::stoul(size);
  task.stream = count == "stream";
  if (!task.stream) task.count = std::stoul(count);
  if (task.size == 0 || task.size > kLongest || (!task.stream && task.count == 0)) {
    throw std::runtime_error("no such task");
  }
  return task;
}

void tell_that_it_serves() {
  std::puts("serving");
  std::fflush(stdout);
}

void measure_trips(std::size_t count, const std::function<void()>& trip) {
  for (std::size_t i = 0; i < count / 10 + 1; ++i) trip();
  std::vector<long long> times;
  times.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    trip();
    times.push_back(std::chrono::nanoseconds(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"n\": %zu, \"min\": %lld, \"median\": %lld, \"p99\": %lld, \"max\": %lld}\n",
              count, times.front(), times[count / 2], times[(count - 1) * 99 / 100], times.back());
}

void measure_stream(const std::function<void()>& send) {
  const auto start = Clock::now();
  send();
  const std::chrono::duration<double> time = Clock::now() - start;
  std::printf("{\"mb_s\": %.3f}\n", static_cast<double>(kStreamed) / 1e6 / time.count());
}

}  // namespace hive::bench
