// hive console: attach to a guest's console.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/console_tail.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/output.h"
#include "cellmon/cli/raw_terminal.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/signal_fd.h"
#include "cellmon/wire/base64.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

constexpr char kDetach = 0x1d;  // ctrl-]

struct ConsoleOptions {
  std::string cell;
  std::string console = "serial";
  bool dump = false;
};

/// Joins standard input and output with a guest's console.
class Attachment {
 public:
  Attachment(RpcClient client, std::string console)
      : client_(std::move(client)), console_(std::move(console)) {
    client_.call("console.attach", {{"console", console_}, {"replay", true}});
  }

  /// Runs until the user detaches or the monitor ends.
  void run() {
    const SignalFd signals({SIGINT, SIGTERM, SIGHUP});
    const RawTerminal terminal;
    while (!detached_) {
      while (const auto message = client_.receive(Milliseconds(0))) take(*message);
      if (client_.closed()) return;
      std::array<pollfd, 3> entries{{{client_.fd(), POLLIN, 0},
                                     {signals.fd(), POLLIN, 0},
                                     {input_open_ ? STDIN_FILENO : -1, POLLIN, 0}}};
      if (::poll(entries.data(), entries.size(), -1) < 0) continue;
      if (signals.take() != 0) return;
      if (entries[2].revents != 0) send_input(terminal.is_terminal());
    }
  }

 private:
  void take(const Message& message) {
    const auto* notification = std::get_if<wire::RpcNotification>(&message);
    if (notification == nullptr || notification->method != "console.output") return;
    const auto bytes = wire::decode_base64(wire::text_member(notification->params, "data"));
    write_all(STDOUT_FILENO, bytes.value_or(""));
  }

  void send_input(bool from_terminal) {
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    input_open_ = count > 0;
    if (!input_open_) return;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t detach = from_terminal ? bytes.find(kDetach) : std::string_view::npos;
    detached_ = detach != std::string_view::npos;
    bytes = bytes.substr(0, detach);
    if (bytes.empty()) return;
    client_.send("console.input", {{"console", console_}, {"data", wire::encode_base64(bytes)}});
  }

  RpcClient client_;
  std::string console_;
  bool input_open_ = true;
  bool detached_ = false;
};

int run_console(const ConsoleOptions& options) {
  const wire::CellAddress cell = find_cell(options.cell);
  RpcClient client = RpcClient::reach(cell);
  if (options.dump) {
    write_all(STDOUT_FILENO, read_console(client, options.console));
    return 0;
  }
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (terminal) fmt::print(stderr, "{}: attached; ctrl-] detaches\n", cell.full_name());
  Attachment(std::move(client), options.console).run();
  if (terminal) fmt::print(stderr, "\n{}: detached\n", cell.full_name());
  return 0;
}

}  // namespace

void add_console(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<ConsoleOptions>();
  CLI::App* command = app.add_subcommand("console", "Attach to a guest's console");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL")->required();
  command->add_option("--console", options->console, "Which")
      ->check(CLI::IsMember({"serial", "virtio"}))
      ->capture_default_str();
  command->add_flag("--dump", options->dump, "Print what is kept of it and return");
  command->callback([options, &exit_status] { exit_status = run_console(*options); });
}

}  // namespace hive::cli
