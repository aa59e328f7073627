// hive exec: run a command in a guest.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/cli/commands.h"
#include "cellmon/cli/machines.h"
#include "cellmon/cli/output.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/signal_fd.h"
#include "cellmon/wire/base64.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

/// A command in a guest, with this process's standard streams.
class RemoteCommand {
 public:
  RemoteCommand(RpcClient client, const std::vector<std::string>& argv)
      : client_(std::move(client)) {
    const Json started = client_.call("exec", {{"argv", argv}});
    session_ = wire::number_member(started, "session").value_or(0);
  }

  /// Runs until the command has ended; its exit status.
  int run() {
    const SignalFd signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    while (!status_) {
      while (const auto message = client_.receive(Milliseconds(0))) take(*message);
      if (status_) break;
      if (client_.closed()) throw lost_monitor(client_.address());
      wait(signals);
    }
    return *status_;
  }

 private:
  void wait(const SignalFd& signals) {
    const bool reads = input_open_ && !input_request_;
    std::array<pollfd, 3> entries{{{client_.fd(), POLLIN, 0},
                                   {signals.fd(), POLLIN, 0},
                                   {reads ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) return;
    if (const int signal = signals.take()) {
      client_.send("exec.signal", {{"session", session_}, {"signal", signal}});
    }
    if (entries[2].revents != 0) send_input();
  }

  void send_input() {
    std::array<char, 16 * 1024> buffer;
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const std::size_t size = count > 0 ? static_cast<std::size_t>(count) : 0;
    input_open_ = size > 0;
    input_request_ = client_.send(
        "exec.stdin", {{"session", session_},
                       {"data", wire::encode_base64(std::string_view(buffer.data(), size))},
                       {"eof", !input_open_}});
  }

  void take(const Message& message) {
    if (const auto* result = std::get_if<wire::RpcResult>(&message)) {
      if (input_request_ && result->id == *input_request_) input_request_.reset();
    } else if (const auto* error = std::get_if<wire::RpcError>(&message)) {
      if (!input_request_ || error->id != *input_request_) return;
      input_request_.reset();  // The command takes no more input.
      input_open_ = false;
    } else {
      take(std::get<wire::RpcNotification>(message));
    }
  }

  void take(const wire::RpcNotification& notification) {
    const Json& params = notification.params;
    if (wire::number_member(params, "session") != session_) return;
    if (notification.method == "exec.output") {
      const bool error = wire::text_member(params, "stream") == "stderr";
      const auto bytes = wire::decode_base64(wire::text_member(params, "data"));
      write_all(error ? STDERR_FILENO : STDOUT_FILENO, bytes.value_or(""));
    } else if (notification.method == "exec.exit") {
      status_ = static_cast<int>(wire::number_member(params, "status").value_or(1) & 0xff);
    } else if (notification.method == "exec.lost") {
      throw Error(client_.address().full_name() + ": the command is lost: " +
                  wire::printable(wire::text_member(params, "reason"), 1024));
    }
  }

  RpcClient client_;
  std::int64_t session_ = 0;
  bool input_open_ = true;
  std::optional<std::uint64_t> input_request_;
  std::optional<int> status_;
};

}  // namespace

void add_exec(CLI::App& app, int& exit_status) {
  struct Options {
    std::string cell;
    std::vector<std::string> argv;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("exec", "Run a command in a guest; the exit status is the command's");
  command->add_option("CELL", options->cell, "CELL or MACHINE/CELL")->required();
  command->add_option("COMMAND", options->argv, "After --: the command and its arguments")
      ->required();
  command->callback([options, &exit_status] {
    const wire::CellAddress cell = find_cell(options->cell);
    exit_status = RemoteCommand(RpcClient::reach(cell), options->argv).run();
  });
}

}  // namespace hive::cli
