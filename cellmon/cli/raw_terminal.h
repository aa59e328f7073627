// A terminal that hands on every key.
#pragma once

#include <termios.h>

namespace hive::cli {

/// Puts standard input, if it is a terminal, into raw mode while this lives.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  RawTerminal(RawTerminal&&) = delete;
  RawTerminal& operator=(RawTerminal&&) = delete;

  [[nodiscard]] bool is_terminal() const { return is_terminal_; }

 private:
  termios saved_{};  // Before the next one, with which it gets its value.
  bool is_terminal_;
};

}  // namespace hive::cli
