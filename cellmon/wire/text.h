// Text for people: safe to print, and times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hive::wire {

/// TEXT with a blank for each control character and '?' for each byte beyond ASCII, cut to
/// MAX_BYTES: safe for a terminal, a log and JSON, whoever wrote it.
std::string printable(std::string_view text, std::size_t max_bytes);

/// WALL_NS, nanoseconds since 1970, in UTC as ISO 8601 with milliseconds:
/// "2024-05-17T12:34:56.789Z".
std::string format_time(std::int64_t wall_ns);

}  // namespace hive::wire
