// Round trips and how long they take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace hive::bench {

inline constexpr std::size_t kLongest = 65536;     ///< Bytes of a request or a reply, at most.
inline constexpr std::size_t kStreamed = 8 << 20;  ///< Bytes of one measurement of throughput.

/// What a client measures: COUNT round trips of SIZE bytes each way, or one stream of kStreamed
/// bytes in messages of SIZE.
struct Task {
  std::size_t size = 0;
  std::size_t count = 0;
  bool stream = false;
};

/// Of the words SIZE COUNT, where COUNT may be "stream". Throws std::runtime_error.
Task parse_task(const std::string& size, const std::string& count);

/// Prints "serving": from now on nothing that a client sends is missed.
void tell_that_it_serves();

/// Calls TRIP count times and prints `{"n":..., "min":..., "median":..., "p99":..., "max":...}`, in
/// nanoseconds. A tenth of that comes before, unmeasured.
void measure_trips(std::size_t count, const std::function<void()>& trip);

/// Calls SEND once and prints `{"mb_s":...}`, for kStreamed bytes.
void measure_stream(const std::function<void()>& send);

}  // namespace hive::bench
