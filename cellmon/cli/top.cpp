// hive top: cells as they are, second by second.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/output.h"
#include "cellmon/cli/raw_terminal.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/seconds.h"
#include "cellmon/cli/signal_fd.h"
#include "cellmon/cli/top_view.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kNoTerminalWidth = 160;

struct TopOptions {
  std::string machine;
  bool once = false;
  unsigned count = 0;
  double interval = 1;
};

/// Looks at cells again and again.
class Looker {
 public:
  explicit Looker(std::string machine) : machine_(std::move(machine)) {}

  /// Takes a new frame; that before becomes the one that rates are taken from.
  void look() {
    TopFrame frame;
    frame.machines = fetch_figures(machine_, &cursors_);
    frame.time = std::chrono::duration<double>(steady_clock::now().time_since_epoch()).count();
    if (now_) frame.last_events = now_->last_events;
    for (const MachineFigures& machine : frame.machines) {
      for (const CellFigures& cell : machine.cells) {
        const std::string name = cell.view.address.full_name();
        if (cell.begins_anew) frame.last_events.erase(name);
        if (cell.events.empty()) continue;
        const wire::Event& last = cell.events.back();
        frame.last_events[name] = last.kind + (last.detail.empty() ? "" : ": " + last.detail);
      }
    }
    before_ = std::exchange(now_, std::move(frame));
  }

  [[nodiscard]] std::string show(std::size_t width) const {
    return format_top(before_ ? &*before_ : nullptr, *now_, width);
  }
  [[nodiscard]] bool is_empty() const { return now_->machines.empty(); }

 private:
  std::string machine_;
  EventCursors cursors_;
  std::optional<TopFrame> before_;
  std::optional<TopFrame> now_;
};

/// The terminal's other screen, without a cursor, while this lives; raw, so that a key comes at
/// once.
class Screen {
 public:
  Screen() { write_all(STDOUT_FILENO, "\x1b[?1049h\x1b[?25l"); }
  ~Screen() {
    try {
      write_all(STDOUT_FILENO, "\x1b[?25h\x1b[?1049l");
    } catch (const std::exception&) {  // Nobody is there to see it.
    }
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  Screen(Screen&&) = delete;
  Screen& operator=(Screen&&) = delete;

  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };

  [[nodiscard]] static Size size() {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {};
    return {window.ws_col, std::max<std::size_t>(window.ws_row, 2)};
  }

  /// Shows TEXT from the top, as much of it as there is room for.
  static void draw(std::string_view text) {
    const std::size_t rows = size().rows;
    std::string out = "\x1b[H";
    for (std::size_t row = 0; row + 1 < rows && !text.empty(); ++row) {
      const std::size_t end = text.find('\n');
      out.append(text.substr(0, end)).append("\x1b[K\r\n");
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    write_all(STDOUT_FILENO, out + "\x1b[J");
  }

 private:
  RawTerminal raw_;
};

/// Waits until TIME. False when a signal or a key that ends the command has come.
bool wait_until(steady_clock::time_point time, const SignalFd& signals, bool has_keys) {
  constexpr std::string_view kEnding = "qQ\x03\x04\x1b";
  for (;;) {
    std::array<pollfd, 2> entries{{{signals.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    const int count =
        ::poll(entries.data(), has_keys ? 2 : 1, static_cast<int>(left_until(time).count()));
    if (count == 0) return true;
    if (entries[0].revents != 0 && signals.take() != 0) return false;
    if (!has_keys || entries[1].revents == 0) continue;
    std::array<char, 64> keys{};
    const ssize_t size = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (size > 0 &&
        std::string_view(keys.data(), static_cast<std::size_t>(size)).find_first_of(kEnding) !=
            std::string_view::npos) {
      return false;
    }
  }
}

int run_top(const TopOptions& options) {
  Looker looker(options.machine);
  looker.look();
  if (looker.is_empty() && !options.machine.empty()) choose_machine(options.machine, find_cells());
  const unsigned count = options.once ? 1 : options.count;
  const bool is_live = count == 0 && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const auto interval = std::max(to_milliseconds(options.interval), Milliseconds(100));
  const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
  std::optional<Screen> screen;
  if (is_live) screen.emplace();
  auto next = steady_clock::now();
  for (unsigned shown = 0; count == 0 || shown < count; ++shown) {
    if (is_live) Screen::draw(looker.show(Screen::size().columns));
    next = std::max(next + interval, steady_clock::now());
    if (!wait_until(next, signals, is_live)) break;
    looker.look();
    if (is_live) continue;
    write_all(STDOUT_FILENO, (shown > 0 ? "\n" : "") + looker.show(kNoTerminalWidth));
  }
  return 0;
}

}  // namespace

void add_top(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand("top", "Watch cells, second by second; q leaves");
  command->add_option("MACHINE", options->machine, "Only this one's");
  CLI::Option* once = command->add_flag("--once", options->once, "Print one table and return");
  command->add_option("--count", options->count, "Print so many tables and return")
      ->check(CLI::PositiveNumber)
      ->excludes(once);
  add_seconds(*command, "--interval", options->interval, "Between looks, at least 0.1");
  command->callback([options, &exit_status] { exit_status = run_top(*options); });
}

}  // namespace hive::cli
