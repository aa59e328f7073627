#include "cellmon/cli/raw_terminal.h"

#include <unistd.h>

namespace hive::cli {

RawTerminal::RawTerminal() : is_terminal_(::tcgetattr(STDIN_FILENO, &saved_) == 0) {
  if (!is_terminal_) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

RawTerminal::~RawTerminal() {
  if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
}

}  // namespace hive::cli
