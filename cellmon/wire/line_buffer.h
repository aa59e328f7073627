// Lines out of a byte stream.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hive::wire {

/// The longest line of the control socket, its newline included.
inline constexpr std::size_t kMaxLine = 64 * 1024;

/// Cuts a stream into lines. Holds at most the longest line and what was last fed.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t max_line = kMaxLine) : max_line_(max_line) {}

  /// Adds bytes; take all lines with next() before feeding more.
  void feed(std::string_view bytes);

  /// The next whole line, without its newline. Never one after an overflow.
  std::optional<std::string> next();

  /// Whether a line was longer than allowed. Nothing that follows it can be read.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  std::size_t max_line_;
  std::string buffer_;
  std::size_t used_ = 0;
  bool overflowed_ = false;
};

}  // namespace hive::wire
