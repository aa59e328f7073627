// The last line of a terminal's output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hive::control {

/// Follows a console's output and knows its last line that is not blank. Terminal escape sequences
/// are left out; the text is printable.
class LineTracker {
 public:
  static constexpr std::size_t kMaxLine = 200;

  void append(std::string_view bytes);
  [[nodiscard]] const std::string& last_line() const { return last_; }

 private:
  enum class Escape { kNone, kStarted, kSequence };

  void take(char byte);
  /// Whether BYTE belongs to an escape sequence.
  bool in_escape(char byte);

  Escape escape_ = Escape::kNone;
  bool fresh_ = true;  ///< The next character begins a new line.
  std::string line_;
  std::string last_;
};

}  // namespace hive::control
