#include "cellmon/control/line_tracker.h"

namespace hive::control {

void LineTracker::append(std::string_view bytes) {
  for (const char byte : bytes) take(byte);
}

bool LineTracker::in_escape(char byte) {
  constexpr char kEscape = '\x1b';
  switch (escape_) {
    case Escape::kNone:
      if (byte != kEscape) return false;
      escape_ = Escape::kStarted;
      return true;
    case Escape::kStarted:  // ECMA-48, 5.3: only a control sequence has parameters.
      escape_ = byte == '[' ? Escape::kSequence : Escape::kNone;
      return true;
    case Escape::kSequence:
      if (byte >= 0x40 && byte <= 0x7e) escape_ = Escape::kNone;
      return true;
  }
  return false;
}

void LineTracker::take(char byte) {
  if (in_escape(byte)) return;
  if (byte == '\n' || byte == '\r') {
    fresh_ = true;
    return;
  }
  if (fresh_) {
    line_.clear();
    fresh_ = false;
  }
  const auto value = static_cast<unsigned char>(byte);
  if (value < 0x20 || value >= 0x7f || line_.size() >= kMaxLine) return;
  line_ += byte;
  if (line_.find_first_not_of(' ') != std::string::npos) last_ = line_;
}

}  // namespace hive::control
